"""Concatenations of features of very different ranges, which one step for all of them rounds too coarsely.

An integer file gives what is joined one step, and so all of its parts, wherever else they are read: the last of IMDN's
blocks, whose values are the largest, would decide how coarsely the whole trunk is rounded. The 1x1 convolution that
follows can as well be a sum of convolutions, one of each part.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_lisr.graph.calls import kind, nodes, readers

ALIKE = 2.0  # How many times as wide one range may be as another, at most, to share its step: the cost is one bit.


def find_uneven(model: keras.Model, patches: Sequence[np.ndarray]) -> set[str]:
    """Finds the concatenations of which the ranges of some parts are unlike those of others.

    Args:
        model: Functional model from RGB in [0, 1] to RGB.
        patches: float32 pictures `(height, width, 3)` in [0, 1], of one size.

    Returns:
        Names of those that nothing but 1x1 convolutions reads.
    """
    read_by = readers(model)
    widths = {
        node.operation.name: keras.ops.stack([measure_width(part) for part in node.input_tensors])
        for node in nodes(model)
        if kind(node.operation) == "Concatenate"
        and all(is_pointwise(reader.operation) for reader in read_by.get(id(node.outputs[0]), []))
    }
    if not widths:
        return set()
    probe = keras.Model(model.input, widths)
    measured = [probe(patch[None], training=False) for patch in patches]
    widest = {name: np.max([keras.ops.convert_to_numpy(each[name]) for each in measured], axis=0) for name in widths}
    # XNNPACK computes nothing with the step that an empty range has.
    return {name for name, parts in widest.items() if 0 < parts.min() < parts.max() / ALIKE}


def is_pointwise(operation: keras.Operation) -> bool:
    """Whether an operation is a 1x1 convolution that can be one of several."""
    return (
        kind(operation) == "Conv2D"
        and set(operation.kernel_size) == set(operation.strides) == {operation.groups} == {1}
        and operation.activation is keras.activations.linear
    )


def measure_width(features):
    """How far the values of a tensor, and 0, lie apart."""
    return keras.ops.maximum(keras.ops.max(features), 0) - keras.ops.minimum(keras.ops.min(features), 0)


def sum_of_convolutions(layer: keras.layers.Conv2D, parts: Sequence[Any]):
    """What a 1x1 convolution of a concatenation computes.

    Args:
        layer: One of which `is_pointwise` is true.
        parts: What is concatenated.
    """
    kernel, *biases = layer.get_weights()
    ends = np.cumsum([part.shape[-1] for part in parts])
    results: list[Any] = []
    for part, weights in zip(parts, np.split(kernel, ends[:-1], axis=2), strict=True):
        convolution = keras.layers.Conv2D(
            layer.filters, 1, use_bias=bool(biases) and not results, dtype=layer.dtype_policy
        )
        convolution.build(part.shape)
        convolution.set_weights([weights, *(biases if convolution.use_bias else [])])
        results.append(convolution(part))
    return keras.layers.Add()(results)
