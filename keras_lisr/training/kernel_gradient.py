"""A faster gradient of convolutions on processors without AVX-512.

There oneDNN computes the gradient of a 3x3 kernel at half the speed of the convolution itself, and a training step of
EDSR-baseline spends half its time in it. As matrix products it is up to twice as fast: decision 11, and
docs/training-speed.md.
"""

import keras

from keras_lisr.basics.processor import processor_has

FEWEST_CHANNELS = 32  # Below, oneDNN is as fast, and faster from twelve down.


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
        if (
            type(layer) is keras.layers.Conv2D
            and (layer.kernel_size, layer.padding) == ((3, 3), "same")
            and (layer.strides, layer.dilation_rate, layer.groups) == ((1, 1), (1, 1), 1)
            and layer.compute_dtype == "float32"
            and layer.kernel.shape[-2] >= FEWEST_CHANNELS
        ):
            layer.convolution_op = convolve


def convolve(images, kernel):
    """Convolves `(batch, height, width, channels)` with a 3x3 kernel and keeps the size."""
    import tensorflow as tf

    @tf.custom_gradient
    def convolution(images, kernel):
        def gradients(upstream):
            with tf.control_dependencies([upstream]):  # Else the copies of all layers' features are made at once.
                features = tf.identity(images)
            return (
                tf.nn.conv2d_transpose(upstream, kernel, tf.shape(images), strides=1, padding="SAME"),
                compute_kernel_gradient(features, upstream),
            )

        return tf.nn.conv2d(images, kernel, strides=1, padding="SAME"), gradients

    return convolution(tf.convert_to_tensor(images), tf.convert_to_tensor(kernel))


def compute_kernel_gradient(images, upstream):
    """Computes the gradient of a 3x3 convolution that keeps the size, with respect to its kernel.

    The element (i, j) is the product of the images, shifted by (i, j), with the upstream gradient, summed over all
    pixels. With the pixels of the padded images in one long row, a shift is an offset.

    Args:
        images: What was convolved, `(batch, height, width, channels)`.
        upstream: Gradient with respect to the result, `(batch, height, width, filters)`.

    Returns:
        `(3, 3, channels, filters)`.
    """
    import tensorflow as tf

    channels, filters = images.shape[-1], upstream.shape[-1]
    if filters < channels:  # Copies of the one with fewer channels are smaller.
        return tf.transpose(compute_kernel_gradient(upstream, images)[::-1, ::-1], (0, 1, 3, 2))
    row = tf.shape(images)[2] + 2
    images, upstream = (
        tf.reshape(tf.pad(tensor, ((0, 0), (1, 1), (1, 1), (0, 0))), (-1, tensor.shape[-1]))
        for tensor in (images, upstream)
    )
    # The neighbours of a pixel in its row stand beside it, so that there is one product for each row of the kernel.
    neighbours = tf.concat([images[:-2], images[1:-1], images[2:]], axis=1)
    inner = upstream[row + 1 : -row - 1]
    count = tf.shape(inner)[0]
    products = [tf.matmul(neighbours[i * row :][:count], inner, transpose_a=True) for i in range(3)]
    return tf.reshape(tf.stack(products), (3, 3, channels, filters))
