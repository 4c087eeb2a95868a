"""Converts transposed convolutions to plain ones followed by depth to space."""

import keras
import numpy as np


def sub_pixel(layer: keras.layers.Conv2DTranspose) -> keras.layers.Conv2D:
    """Makes the convolution, of filters x stride^2 channels, that equals a transposed one before depth to space.

    Each output pixel is a sum over the few input pixels around it, with the same weights at the same place within a
    stride: each place is a group of channels.
    """
    kernel, *biases = layer.get_weights()
    stride = layer.strides[0]
    paddings, sizes = [], []
    for size in kernel.shape[:2]:
        before = max(size - stride, 0) // 2  # Output pixels that an input pixel reaches before the first of its own.
        radius = max(-(-before // stride), (size - 1 - before) // stride)
        start = radius * stride - before
        sizes.append(2 * radius + 1)
        paddings.append((start, sizes[-1] * stride - start - size))
    rows, columns = sizes
    _, _, filters, channels = kernel.shape
    padded = np.pad(kernel, [*paddings, (0, 0), (0, 0)])
    # A transposed convolution scatters pixels, a convolution gathers them, so that the taps are reversed.
    taps = padded.reshape(rows, stride, columns, stride, filters, channels)[::-1, :, ::-1]
    convolution = keras.layers.Conv2D(
        filters * stride**2,
        sizes,
        padding="same",
        activation=layer.activation,
        use_bias=layer.use_bias,
        dtype=layer.dtype_policy,
        name=layer.name,
    )
    convolution.build((None, None, None, channels))
    gathering = taps.transpose(0, 2, 5, 1, 3, 4).reshape(rows, columns, channels, filters * stride**2)
    convolution.set_weights([gathering, *(np.tile(bias, stride**2) for bias in biases)])
    return convolution
