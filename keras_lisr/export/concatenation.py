"""Concatenations of features of very different ranges, which one step for all of them rounds too coarsely.

An integer file gives what is joined one step, and so all of its parts, wherever else they are read: the last of IMDN's
blocks, whose values are the largest, would decide how coarsely the whole trunk is rounded. The convolution that follows
can as well be a sum of convolutions, each of parts that are alike.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from keras_lisr.graph.calls import kind, nodes, readers

DEAD = 1e-6  # Of the widest range: what is as narrow holds nothing.
ALIKE = 2.0  # How many times as wide one range may be as another, at most, to share its step: the cost is one bit.


def uneven_groups(model: keras.Model, patches: Sequence[np.ndarray]) -> dict[str, list[int]]:
    """Finds the concatenations of which the ranges of some parts are unlike those of others.

    Args:
        model: Functional model from RGB in [0, 1] to RGB.
        patches: float32 pictures `(height, width, 3)` in [0, 1], of one size.

    Returns:
        By the name of each, if it is used once and nothing but 1x1 convolutions reads it: how many parts, one after
        the other, go together.
    """
    read_by = readers(model)
    found = [
        node
        for node in nodes(model)
        if kind(node.operation) == "Concatenate"
        and is_used_once(node.operation)
        and all(is_pointwise(reader.operation) for reader in read_by.get(id(node.outputs[0]), []))
    ]
    if not found:
        return {}
    of_parts = [width(part) for node in found for part in node.input_tensors]
    probe = keras.Model(model.input, keras.ops.stack(of_parts))
    widest = np.max([keras.ops.convert_to_numpy(probe(patch[None], training=False)) for patch in patches], axis=0)
    ends = np.cumsum([len(node.input_tensors) for node in found])
    groups = {
        node.operation.name: runs(each.tolist()) for node, each in zip(found, np.split(widest, ends[:-1]), strict=True)
    }
    return {name: counts for name, counts in groups.items() if len(counts) > 1}


def choices(groups: dict[str, list[int]]) -> Iterator[dict[str, list[int]]]:
    """What to try one after the other, until the converter leaves nothing in floats.

    Parts joined in pairs, as in IMDN, can have it leave the convolution between them in floats (TensorFlow 2.21), where
    with each part apart it left none. What there was before, one convolution, comes last.

    Args:
        groups: What `uneven_groups` found.

    >>> list(choices({"fusion": [2, 1]}))
    [{'fusion': [2, 1]}, {'fusion': [1, 1, 1]}, {}]
    >>> list(choices({"fusion": [1, 1]}))
    [{'fusion': [1, 1]}, {}]
    """
    apart = {name: [1] * sum(counts) for name, counts in groups.items()}
    if groups != apart:
        yield groups
    if apart:
        yield apart
    yield {}


def is_pointwise(operation: keras.Operation) -> bool:
    """Whether an operation is a 1x1 convolution that is used once, and so can be one of several."""
    return (
        kind(operation) == "Conv2D"
        and set(operation.kernel_size) == set(operation.strides) == {operation.groups} == {1}
        and operation.activation is keras.activations.linear
        and is_used_once(operation)
    )


def is_used_once(operation: keras.Operation) -> bool:
    """Whether an operation is not shared: each call of one that is may need something else in its place."""
    return len(operation._inbound_nodes) == 1


def width(features):
    """How far the values of a tensor, and 0, lie apart."""
    return keras.ops.maximum(keras.ops.max(features), 0) - keras.ops.minimum(keras.ops.min(features), 0)


def runs(widths: Sequence[float]) -> list[int]:
    """Lengths of runs, as long as they can be, whose widths are alike. Parts without any go with what is before.

    >>> runs([1.0, 1.5, 0.9, 4.0, 0.0, 3.0])
    [3, 3]
    """
    lengths = [0]
    narrowest, widest = math.inf, 0.0
    for one in widths:
        if one > DEAD * max(widths):  # XNNPACK computes nothing with the step that an empty range has.
            narrowest, widest = min(narrowest, one), max(widest, one)
            if widest > ALIKE * narrowest:
                lengths.append(0)
                narrowest = widest = one
        lengths[-1] += 1
    return lengths


def sum_of_convolutions(layer: keras.layers.Conv2D, parts: Sequence[Any], counts: Sequence[int]):
    """What a 1x1 convolution of a concatenation computes.

    Args:
        layer: One of which `is_pointwise` is true.
        parts: What is concatenated.
        counts: How many of them go together.
    """
    kernel, *biases = layer.get_weights()
    sums, first, channel = [], 0, 0
    for number, count in enumerate(counts):
        group = parts[first : first + count]
        features = keras.layers.Concatenate()(group) if count > 1 else group[0]
        convolution = keras.layers.Conv2D(
            layer.filters,
            1,
            use_bias=bool(biases) and not number,
            dtype=layer.dtype_policy,
            name=f"{layer.name}_group_{number}",
        )
        convolution.build(features.shape)
        weights = kernel[:, :, channel : channel + features.shape[-1]]
        convolution.set_weights([weights, *(biases if convolution.use_bias else [])])
        sums.append(convolution(features))
        first, channel = first + count, channel + features.shape[-1]
    return keras.layers.Add(name=layer.name)(sums)
