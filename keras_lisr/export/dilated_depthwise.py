"""A large depthwise convolution as the sum of small dilated ones."""

from collections.abc import Callable, Iterator
from typing import Any

import keras

# XNNPACK's depthwise kernels end here. Beyond, it runs a grouped convolution of one channel each, ten times as slowly.
MOST_TAPS = 25


def is_large(operation: keras.Operation) -> bool:
    """Whether an operation is a depthwise convolution for which XNNPACK has no kernel, and `dilated_sum` applies."""
    if type(operation) is not keras.layers.DepthwiseConv2D:
        return False
    rows, columns = operation.kernel_size
    return (
        rows * columns > MOST_TAPS >= 2 * columns
        and rows % 2 == columns % 2 == 1
        and operation.padding == "same"
        and operation.data_format == "channels_last"
        and set(operation.strides) == set(operation.dilation_rate) == {1}
    )


def dilated_sum(layer: keras.layers.DepthwiseConv2D) -> Callable[[Any], Any]:
    """A function that computes what a depthwise convolution does, as a sum over sets of its kernel's rows.

    The rows of each set lie evenly about the middle one, so that a dilated convolution reads them where the whole
    kernel would: nothing has to be padded or shifted.

    Args:
        layer: One of which `is_large` is true.
    """
    kernel, *biases = layer.get_weights()
    rows, columns, channels, _ = kernel.shape
    parts: list[keras.layers.Layer] = []
    for chosen in centred_rows(rows, MOST_TAPS // columns):
        part = DilatedDepthwiseConv2D(
            (len(range(rows)[chosen]), columns),
            padding="same",
            dilation_rate=(chosen.step, 1),
            depth_multiplier=layer.depth_multiplier,
            use_bias=bool(biases) and not parts,
            dtype=layer.dtype_policy,
            name=f"{layer.name}_{chosen.start}",
        )
        part.build((None, None, None, channels))
        part.set_weights([kernel[chosen], *(biases if part.use_bias else [])])
        parts.append(part)
    total = keras.layers.Add(name=layer.name)
    return lambda features: layer.activation(total([part(features) for part in parts]))


def centred_rows(rows: int, most: int) -> Iterator[slice]:
    """Splits an odd number of rows into sets that are symmetric about the middle one.

    >>> list(centred_rows(7, most=3))
    [slice(0, 7, 3), slice(1, 6, 4), slice(2, 5, 2)]

    Args:
        rows: How many there are.
        most: How many a set may have, 2 at least.
    """
    middle = rows // 2
    if most > 2:  # The outermost two take the middle one along.
        yield slice(0, rows, middle)
    else:
        yield slice(middle, middle + 1, 1)
        yield slice(0, rows, rows - 1)
    for first in range(1, middle):
        yield slice(first, rows - first, rows - 1 - 2 * first)


class DilatedDepthwiseConv2D(keras.layers.DepthwiseConv2D):
    """A depthwise convolution that stays one operation when it is converted, whatever its dilation.

    Keras has TensorFlow pack the pixels into batches for a dilated one, whose shapes are computed: LiteRT's converter
    undoes that only where the size is fixed.
    """

    def call(self, features):
        import tensorflow as tf

        dilations = [1, *self.dilation_rate, 1]
        result = tf.raw_ops.DepthwiseConv2dNative(
            input=features, filter=self.kernel, strides=[1, 1, 1, 1], padding="SAME", dilations=dilations
        )
        return tf.nn.bias_add(result, self.bias) if self.use_bias else result
