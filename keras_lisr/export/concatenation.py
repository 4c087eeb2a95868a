"""Replaces concatenations of features of different ranges, which an int8 file would round with one step.

All parts get that step, wherever else they are read: the last of IMDN's blocks, whose values are the largest, would
decide how coarsely the whole trunk is rounded. The 1x1 convolution that follows can be a sum of convolutions instead,
each of parts with similar ranges. On Set5 that saves `imdn_x4` 0.18 dB.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_lisr.graph.calls import kind, readers
from keras_lisr.graph.flatten import nodes


def find_uneven(model: keras.Model, patches: Sequence[np.ndarray]) -> dict[str, list[int]]:
    """Finds concatenations whose parts differ in range on patches in [0, 1], and which only 1x1 convolutions read.

    Returns:
        The group of each part, by the name of the concatenation.
    """
    read_by = readers(model)
    widths = {
        node.operation.name: keras.ops.stack(
            # With 0, which every range of integers has.
            [keras.ops.max(keras.ops.relu(part)) + keras.ops.max(keras.ops.relu(-part)) for part in node.input_tensors]
        )
        for node in nodes(model)
        if kind(node.operation) == "Concatenate"
        and all(is_pointwise(reader.operation) for reader in read_by.get(id(node.outputs[0]), []))
    }
    if not widths:
        return {}
    probe = keras.Model(model.input, widths)
    measured = [probe(patch[None], training=False) for patch in patches]
    widest = {name: np.max([keras.ops.convert_to_numpy(each[name]) for each in measured], axis=0) for name in widths}
    # XNNPACK cannot compute with the step of an empty range.
    return {name: group(parts) for name, parts in widest.items() if 0 < parts.min() < parts.max() / 2}


def group(widths: np.ndarray) -> list[int]:
    """Groups parts whose widths lie within a power of two, which costs at most one bit.

    Pairs are left apart: TensorFlow 2.21's converter can leave the convolution of a pair in floats, as in IMDN.

    >>> group(np.array([1.0, 1.5, 1.2, 7.5, 5.0]))
    [2, 2, 2, -4, -5]
    """
    octaves = np.floor(np.log2(widths.max() / widths)).astype(int).tolist()
    return [octave if octaves.count(octave) > 2 else ~place for place, octave in enumerate(octaves)]


def is_pointwise(operation: keras.Operation) -> bool:
    """Checks whether an operation is a linear 1x1 convolution, which can be split into a sum."""
    return (
        kind(operation) == "Conv2D"
        and set(operation.kernel_size) == set(operation.strides) == {operation.groups} == {1}
        and operation.activation is keras.activations.linear
    )


def sum_of_convolutions(layer: keras.layers.Conv2D, parts: Sequence[Any], groups: Sequence[int]):
    """Applies a pointwise convolution of concatenated parts as a sum, one term for each group of parts."""
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
