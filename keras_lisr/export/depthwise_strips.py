"""A large depthwise convolution as the sum of small ones."""

from typing import Any

import keras

# XNNPACK's depthwise kernels end here. Beyond, it runs a grouped convolution of one channel each, ten times as slowly:
# 7 x 7 on 320 x 180 x 64 values in 120 ms instead of 14 (two threads, AVX2), and 220 instead of 15 in int8.
MOST_TAPS = 25


def is_large(operation: keras.Operation) -> bool:
    """Whether an operation is a depthwise convolution for which XNNPACK has no kernel, and `in_strips` applies."""
    if type(operation) is not keras.layers.DepthwiseConv2D:
        return False
    rows, columns = operation.kernel_size
    return (
        rows * columns > MOST_TAPS >= columns
        and operation.padding == "same"
        and operation.data_format == "channels_last"
        and set(operation.strides) == set(operation.dilation_rate) == {1}
    )


def in_strips(layer: keras.layers.DepthwiseConv2D, features):
    """What a depthwise convolution computes, as a sum over strips of its kernel's rows.

    Args:
        layer: One of which `is_large` is true.
        features: `(batch, height, width, channels)`.
    """
    kernel, *biases = layer.get_weights()
    rows, columns = layer.kernel_size
    before, left = (rows - 1) // 2, (columns - 1) // 2
    padded = keras.ops.pad(features, [(0, 0), (before, rows - 1 - before), (left, columns - 1 - left), (0, 0)])
    strips: list[Any] = []
    for start in range(0, rows, MOST_TAPS // columns):
        part = kernel[start : start + MOST_TAPS // columns]
        strip = keras.layers.DepthwiseConv2D(
            part.shape[:2],
            depth_multiplier=layer.depth_multiplier,
            use_bias=bool(biases) and not strips,
            dtype=layer.dtype_policy,
            name=f"{layer.name}_{start}",
        )
        below = rows - start - len(part)
        seen = padded[:, start : -below or None]
        strip.build(seen.shape)
        strip.set_weights([part, *(biases if strip.use_bias else [])])
        strips.append(strip(seen))
    return layer.activation(keras.layers.Add(name=layer.name)(strips))
