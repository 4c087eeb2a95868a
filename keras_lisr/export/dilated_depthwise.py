"""Splits the depthwise 7x7 convolution of GGAS into a sum of three dilated ones."""

from collections.abc import Callable
from typing import Any

import keras

# XNNPACK's depthwise kernels have at most 25 weights a channel; larger ones run as a convolution for each channel, ten
# times as slowly. The rows of each set are centred, so that nothing has to be padded or shifted.
ROWS = (slice(0, 7, 3), slice(1, 6, 4), slice(2, 5, 2))


def is_large(operation: keras.Operation) -> bool:
    """Checks whether an operation is a depthwise 7x7 convolution."""
    return (
        type(operation) is keras.layers.DepthwiseConv2D
        and set(operation.kernel_size) == {7}
        and set(operation.dilation_rate) == {1}
    )


def dilated_sum(layer: keras.layers.DepthwiseConv2D) -> Callable[[Any], Any]:
    """Returns a function that computes a large depthwise convolution as a sum over sets of its kernel's rows."""
    kernel, *biases = layer.get_weights()
    parts: list[keras.layers.Layer] = []
    for rows in ROWS:
        part = DilatedDepthwiseConv2D(
            (len(kernel[rows]), 7),
            padding="same",
            dilation_rate=(rows.step, 1),
            depth_multiplier=layer.depth_multiplier,
            use_bias=bool(biases) and not parts,
            dtype=layer.dtype_policy,
        )
        part.build((None, None, None, kernel.shape[2]))
        part.set_weights([kernel[rows], *(biases if part.use_bias else [])])
        parts.append(part)
    total = keras.layers.Add(name=layer.name)
    return lambda features: layer.activation(total([part(features) for part in parts]))


class DilatedDepthwiseConv2D(keras.layers.DepthwiseConv2D):
    """Depthwise convolution that stays one operation in LiteRT, whatever its dilation.

    TensorFlow packs the pixels of a dilated one into batches, whose shapes it computes; LiteRT's converter undoes that
    only if the size is fixed.
    """

    def call(self, features):
        import tensorflow as tf

        dilations = [1, *self.dilation_rate, 1]
        result = tf.raw_ops.DepthwiseConv2dNative(
            input=features, filter=self.kernel, strides=[1, 1, 1, 1], padding="SAME", dilations=dilations
        )
        return tf.nn.bias_add(result, self.bias) if self.use_bias else result
