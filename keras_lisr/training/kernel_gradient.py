"""A faster gradient of convolutions on processors without AVX-512.

There oneDNN computes the gradient of a 3x3 kernel at half the speed of the convolution itself, and a training step of
EDSR-baseline spends half its time in it. As matrix products it is nearly twice as fast; docs/training-speed.md has the
numbers.
"""

import keras

from keras_lisr.precision import processor_has


def speed_up_kernel_gradients(model: keras.Model) -> None:
    """Has a model's convolutions compute their kernels' gradients as matrix products, where that is faster.

    That is in float32 and with AVX2 alone. The model computes and saves the same as before; gradients differ by
    rounding.

    Args:
        model: One that TensorFlow trains on the processor, before its first step.
    """
    if not processor_has("avx2") or processor_has("avx512f"):
        return
    for layer in model._flatten_layers():
        if type(layer) is keras.layers.Conv2D and is_plain(layer):
            layer.convolution_op = convolve


def is_plain(layer: keras.layers.Conv2D) -> bool:
    """Whether a layer convolves as `convolve` does."""
    height, width = layer.kernel_size
    return (
        height == width > 1
        and height % 2 == 1
        and layer.padding == "same"
        and (layer.strides, layer.dilation_rate, layer.groups) == ((1, 1), (1, 1), 1)
        and layer.compute_dtype == "float32"
    )


def convolve(images, kernel):
    """Convolution that keeps the size, `(batch, height, width, channels)` and a square kernel of odd size."""
    import tensorflow as tf

    @tf.custom_gradient
    def convolution(images, kernel):
        def gradients(upstream):
            return (
                tf.nn.conv2d_transpose(upstream, kernel, tf.shape(images), strides=1, padding="SAME"),
                kernel_gradient(images, upstream, kernel.shape[0]),
            )

        return tf.nn.conv2d(images, kernel, strides=1, padding="SAME"), gradients

    return convolution(tf.convert_to_tensor(images), tf.convert_to_tensor(kernel))


def kernel_gradient(images, upstream, size: int):
    """Gradient of a convolution that keeps the size, with respect to its kernel.

    The element (i, j) is the product of the images, shifted by (i, j), with the upstream gradient, summed over all
    pixels. With the pixels of the padded images in one long row, a shift is an offset.

    Args:
        images: What was convolved, `(batch, height, width, channels)`.
        upstream: Gradient with respect to the result, `(batch, height, width, filters)`.
        size: Side of the kernel, odd.

    Returns:
        `(size, size, channels, filters)`.
    """
    import tensorflow as tf

    channels, filters = images.shape[-1], upstream.shape[-1]
    if filters < channels:  # Copies of the one with fewer channels are smaller.
        mirrored = kernel_gradient(upstream, images, size)
        return tf.transpose(mirrored[::-1, ::-1], (0, 1, 3, 2))
    border = size // 2
    padding = ((0, 0), (border, border), (border, border), (0, 0))
    row = tf.shape(images)[2] + 2 * border
    images, upstream = (tf.reshape(tf.pad(tensor, padding), (-1, tensor.shape[-1])) for tensor in (images, upstream))
    pixels = tf.shape(images)[0]
    # The neighbours of a pixel in its row stand beside it, so that there is one product for each row of the kernel.
    neighbours = tf.concat([images[j : pixels - size + 1 + j] for j in range(size)], axis=1)
    first = border * (row + 1)
    inner = upstream[first : pixels - first]
    count = pixels - 2 * first
    products = [tf.matmul(neighbours[i * row :][:count], inner, transpose_a=True) for i in range(size)]
    return tf.reshape(tf.stack(products), (size, size, channels, filters))
