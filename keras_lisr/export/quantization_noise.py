"""What 8-bit integers cost: the noise that rounding each tensor and each weight adds to a network's output.

A value that is rounded to steps of a certain size is off by a twelfth of the step's square on average. What the output
makes of it follows from gradients, which are measured on pictures: no file has to be written to tell what matters.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_lisr.graph.calls import Call, calls, kind

BATCH = 4  # All tensors of so many pictures, and their gradients, take 10 GB for RCAN.
MOVES = {"DepthToSpace", "Identity", "InputLayer", "Split"}  # What they return has been rounded before.
STEPS, WEIGHT_STEPS = 255, 127  # Of a tensor of features; on either side of 0 of the weights of an output channel.


class Statistics(NamedTuple):
    """What a tensor's channels hold, and what they matter. All are `(channels,)`.

    Args:
        low: Smallest values, at most 0.
        high: Largest values, at least 0.
        power: Mean squares.
        gain: By how much the mean square of the output's error grows with that of the channel's.
    """

    low: np.ndarray
    high: np.ndarray
    power: np.ndarray
    gain: np.ndarray


class Features(NamedTuple):
    """The tensors that an integer file rounds, their channels in one row.

    Args:
        names: Of the operations that return them.
        tensors: Number of each channel's tensor, `(channels,)`.
        channels: What is known of the channels.
    """

    names: list[str]
    tensors: np.ndarray
    channels: Statistics

    def noise(self, scales: Any) -> Any:
        """Mean square of the output's error that comes from rounding, `(tensors,)`.

        Args:
            scales: By what the channels are divided in the file, `(channels,)`.
        """
        high = segment_max(self.channels.high / scales, self.tensors, len(self.names))
        low = -segment_max(-self.channels.low / scales, self.tensors, len(self.names))
        gain = segment_sum(self.channels.gain * scales**2, self.tensors, len(self.names))
        return ((high - low) / STEPS) ** 2 / 12 * gain


class Kernels(NamedTuple):
    """The weights of convolutions, which an integer file rounds once an output channel: all of them in one row.

    Args:
        names: Of the layers.
        areas: Number of weights between two channels of each layer, `(layers,)`.
        layers_of_inputs: Number of the layer of each input channel, `(inputs,)`.
        power: Mean squares of the input channels, `(inputs,)`.
        layers_of_outputs: Number of the layer of each output channel, `(outputs,)`.
        gain: As in `Statistics`, of the output channels, `(outputs,)`.
        largest: Largest weights between two channels, `(pairs,)`.
        inputs: Number of the input channel of each pair, `(pairs,)`.
        outputs: Number of the output channel of each pair, `(pairs,)`.
    """

    names: list[str]
    areas: np.ndarray
    layers_of_inputs: np.ndarray
    power: np.ndarray
    layers_of_outputs: np.ndarray
    gain: np.ndarray
    largest: np.ndarray
    inputs: np.ndarray
    outputs: np.ndarray

    def noise(self, scales: Any) -> Any:
        """Mean square of the output's error that comes from rounding, `(layers,)`.

        Args:
            scales: By what the input channels are divided in the file, `(inputs,)`; those of the outputs do not matter.
        """
        weights = self.largest * keras.ops.take(scales, self.inputs)
        steps = segment_max(weights, self.outputs, len(self.gain)) / WEIGHT_STEPS
        power = segment_sum(self.power / scales**2, self.layers_of_inputs, len(self.names))
        return self.areas * power / 12 * segment_sum(self.gain * steps**2, self.layers_of_outputs, len(self.names))


def measure(model: keras.Model, patches: Sequence[np.ndarray], seed: int = 0) -> list[list[Statistics]]:
    """Statistics of what each call of a network returns, in the order of `graph.calls`.

    Args:
        model: Functional model from RGB in [0, 1] to RGB.
        patches: float32 pictures `(height, width, 3)` in [0, 1], of one size.
        seed: Start of the random signs with which the output is summed: the mean square of such a sum's gradient is the
            sum of squares of all outputs' gradients.
    """
    import tensorflow as tf

    outputs = [call.outputs for call in calls(model)]
    probe = keras.Model(model.input, [tensor for tensors in outputs for tensor in tensors])

    @tf.function  # Each tensor is let go once it is summarized: those of RCAN and their gradients take gigabytes.
    def summaries(pictures, state):
        with tf.GradientTape() as tape:
            values = probe(pictures, training=False)
            signs = tf.sign(tf.random.stateless_uniform(tf.shape(values[-1]), state, -1, 1))
            total = tf.reduce_sum(values[-1] * signs)
        gradients = tape.gradient(total, values, unconnected_gradients="zero")
        # Values of a small tensor stand for all outputs that see them.
        shares = [math.prod(value.shape[1:-1]) / math.prod(values[-1].shape[1:]) for value in values]
        return [summarize(*each) for each in zip(values, gradients, shares, strict=True)]

    parts = [
        summaries(np.stack(patches[start : start + BATCH]), tf.constant([seed, start]))
        for start in range(0, len(patches), BATCH)
    ]
    summary = []
    for of_tensor in zip(*parts, strict=True):
        low, high, power, gain = map(np.stack, zip(*of_tensor, strict=True))
        summary.append(Statistics(np.minimum(low.min(0), 0), np.maximum(high.max(0), 0), power.mean(0), gain.mean(0)))
    iterator = iter(summary)
    return [[next(iterator) for _ in tensors] for tensors in outputs]


def summarize(value: Any, gradient: Any, share: float) -> tuple[Any, ...]:
    """Smallest and largest values of each channel, its mean square and that of its gradient, times the share."""
    axes, square = tuple(range(len(value.shape) - 1)), keras.ops.square
    low, high = keras.ops.min(value, axes), keras.ops.max(value, axes)
    return low, high, keras.ops.mean(square(value), axes), keras.ops.mean(square(gradient), axes) * share


def features_of(graph: Sequence[Call], statistics: Sequence[Sequence[Statistics]]) -> Features:
    """What a network's calls return, without what they only move.

    Args:
        graph: The calls of a network.
        statistics: What `measure` returned for it.
    """
    known = [
        (call.operation.name, of_tensor)
        for call, of_call in zip(graph, statistics, strict=True)
        for of_tensor in (of_call if is_rounded(call) else ())
    ]
    counts = [len(of_tensor.gain) for _, of_tensor in known]
    channels = Statistics(*map(np.concatenate, zip(*(of_tensor for _, of_tensor in known), strict=True)))
    return Features([name for name, _ in known], np.repeat(np.arange(len(known)), counts), channels)


def kernels_of(graph: Sequence[Call], statistics: Sequence[Sequence[Statistics]]) -> Kernels:
    """The kernels of a network's convolutions, once for each call; see `features_of`."""
    known: dict[int, Statistics] = {}
    names, areas, powers, gains, largest = [], [], [], [], []
    for call, of_call in zip(graph, statistics, strict=True):
        known |= {id(tensor): of_tensor for tensor, of_tensor in zip(call.outputs, of_call, strict=True)}
        if is_convolution(call):
            weights = np.abs(call.operation.get_weights()[0])
            names.append(call.operation.name)
            areas.append(weights.shape[0] * weights.shape[1])
            powers.append(known[id(call.inputs[0])].power)
            gains.append(known[id(call.outputs[0])].gain)
            largest.append(weights.max((0, 1)))
    (inputs, outputs), pairs = map(starts, (powers, gains)), [np.indices(kernel.shape) for kernel in largest]
    return Kernels(
        names,
        np.array(areas, np.float32),
        np.repeat(np.arange(len(names)), list(map(len, powers))),
        np.concatenate(powers),
        np.repeat(np.arange(len(names)), list(map(len, gains))),
        np.concatenate(gains),
        np.concatenate([kernel.ravel() for kernel in largest]),
        np.concatenate([start + pair[0].ravel() for start, pair in zip(inputs, pairs, strict=True)]),
        np.concatenate([start + pair[1].ravel() for start, pair in zip(outputs, pairs, strict=True)]),
    )


def starts(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Where each of several rows begins when they are put one after another."""
    return np.cumsum([0, *map(len, parts)])[:-1]


def is_convolution(call: Call) -> bool:
    """Whether a call multiplies by a kernel that mixes channels."""
    return kind(call.operation) == "Conv2D" and call.operation.groups == 1


def is_rounded(call: Call) -> bool:
    """Whether what a call returns is rounded anew."""
    return kind(call.operation) not in MOVES


def segment_max(values: Any, segments: np.ndarray, count: int) -> Any:
    """The largest value of each segment."""
    return keras.ops.segment_max(values, segments, num_segments=count)


def segment_sum(values: Any, segments: np.ndarray, count: int) -> Any:
    """The sum of each segment's values."""
    return keras.ops.segment_sum(values, segments, num_segments=count)
