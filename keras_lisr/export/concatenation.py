"""Concatenations of features of very different ranges, which one step for all of them rounds too coarsely.

An integer file gives what is joined one step, and so all of its parts, wherever else they are read: the last of IMDN's
blocks, whose values are the largest, would decide how coarsely the whole trunk is rounded. The 1x1 convolution that
follows can as well be a sum of convolutions, each of parts that are alike.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_lisr.graph.calls import kind, readers
from keras_lisr.graph.flatten import nodes


def find_uneven(model: keras.Model, patches: Sequence[np.ndarray]) -> dict[str, list[int]]:
    """Finds the concatenations of which the ranges of some parts are unlike those of others, on patches in [0, 1].

    Returns:
        By the name of each, if nothing but 1x1 convolutions reads it: the number of the group of each part.
    """
    read_by = readers(model)
    widths = {
        node.operation.name: keras.ops.stack([measure_width(part) for part in node.input_tensors])
        for node in nodes(model)
        if kind(node.operation) == "Concatenate"
        and all(is_pointwise(reader.operation) for reader in read_by.get(id(node.outputs[0]), []))
    }
    if not widths:
        return {}
    probe = keras.Model(model.input, widths)
    measured = [probe(patch[None], training=False) for patch in patches]
    widest = {name: np.max([keras.ops.convert_to_numpy(each[name]) for each in measured], axis=0) for name in widths}
    # XNNPACK computes nothing with the step that an empty range has.
    return {name: group(parts) for name, parts in widest.items() if 0 < parts.min() < parts.max() / 2}


def group(widths: np.ndarray) -> list[int]:
    """Numbers of groups of parts that share a step at the cost of one bit: those of one power of two of the widest.

    Two alone are not joined: TensorFlow 2.21's converter can leave the convolution of a pair in floats, as in IMDN.

    >>> group(np.array([1.0, 1.5, 1.2, 7.5, 5.0]))
    [2, 2, 2, -4, -5]
    """
    octaves = np.floor(np.log2(widths.max() / widths)).astype(int).tolist()
    return [octave if octaves.count(octave) > 2 else ~place for place, octave in enumerate(octaves)]


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


def sum_of_convolutions(layer: keras.layers.Conv2D, parts: Sequence[Any], groups: Sequence[int]):
    """What a pointwise convolution of concatenated parts computes, each in the group of such a number."""
    kernel, *biases = layer.get_weights()
    kernels = np.split(kernel, np.cumsum([part.shape[-1] for part in parts])[:-1], axis=2)
    results: list[Any] = []
    for number in sorted(set(groups)):
        chosen = [place for place, other in enumerate(groups) if other == number]
        features = parts[chosen[0]]
        if len(chosen) > 1:
            features = keras.layers.Concatenate()([parts[place] for place in chosen])
        convolution = keras.layers.Conv2D(
            layer.filters, 1, use_bias=bool(biases) and not results, dtype=layer.dtype_policy
        )
        convolution.build(features.shape)
        weights = np.concatenate([kernels[place] for place in chosen], axis=2)
        convolution.set_weights([weights, *(biases if convolution.use_bias else [])])
        results.append(convolution(features))
    return keras.layers.Add()(results)
