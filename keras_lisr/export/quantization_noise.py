"""What 8-bit integers cost: the noise that rounding each tensor and each weight adds to a network's output.

A value that is rounded to steps of a certain size is off by a twelfth of the step's square on average. What the output
makes of it follows from gradients, which are measured on pictures: no file has to be written to tell what matters.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_lisr.zoo.graph import Call, calls, kind

BATCH = 8
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


class Kernel(NamedTuple):
    """What a convolution's weights are and what they matter.

    Args:
        largest: Largest weights between an input and an output channel, `(inputs, outputs)`.
        area: Number of weights between two channels.
        power: Mean squares of the input's channels.
        gain: As in `Statistics`, of the output.
    """

    largest: np.ndarray
    area: int
    power: np.ndarray
    gain: np.ndarray


def measure(model: keras.Model, patches: Sequence[np.ndarray], seed: int = 0) -> list[list[Statistics]]:
    """Statistics of what each call of a network returns, in the order of `zoo.graph.calls`.

    Args:
        model: Functional model from RGB in [0, 1] to RGB.
        patches: float32 pictures `(height, width, 3)` in [0, 1], of one size.
        seed: Start of the random signs with which the output is summed: the mean square of such a sum's gradient is the
            sum of squares of all outputs' gradients.
    """
    import tensorflow as tf

    outputs = [call.outputs for call in calls(model)]
    probe = keras.Model(model.input, [tensor for tensors in outputs for tensor in tensors])
    random = np.random.default_rng(seed)
    parts = []
    for start in range(0, len(patches), BATCH):
        with tf.GradientTape() as tape:
            values = probe(np.stack(patches[start : start + BATCH]), training=False)
            signs = random.choice([-1.0, 1.0], values[-1].shape).astype(np.float32)
            total = tf.reduce_sum(values[-1] * signs)
        gradients = tape.gradient(total, values, unconnected_gradients="zero")
        parts.append([summarize(*pair) for pair in zip(values, gradients, strict=True)])
    # Values of a small tensor stand for all outputs that see them.
    output_size = np.prod(values[-1].shape[1:])
    summary = []
    for value, of_tensor in zip(values, zip(*parts, strict=True), strict=True):
        low, high, power, gain = map(np.stack, zip(*of_tensor, strict=True))
        share = np.float32(np.prod(value.shape[1:-1]) / output_size)
        low, high = np.minimum(low.min(0), 0), np.maximum(high.max(0), 0)
        summary.append(Statistics(low, high, power.mean(0), gain.mean(0) * share))
    iterator = iter(summary)
    return [[next(iterator) for _ in tensors] for tensors in outputs]


def summarize(value: Any, gradient: Any) -> tuple[np.ndarray, ...]:
    """Smallest and largest values of each channel, its mean square and that of its gradient."""
    value, gradient = (keras.ops.convert_to_numpy(tensor) for tensor in (value, gradient))
    axes = tuple(range(value.ndim - 1))
    return value.min(axes), value.max(axes), np.square(value).mean(axes), np.square(gradient).mean(axes)


def kernels(graph: Sequence[Call], statistics: Sequence[Sequence[Statistics]]) -> dict[int, Kernel]:
    """The weights that are rounded once an output channel, by the number of the call.

    Args:
        graph: The calls of a network.
        statistics: What `measure` returned for it.
    """
    known = {
        id(tensor): of_tensor
        for call, of_call in zip(graph, statistics, strict=True)
        for tensor, of_tensor in zip(call.outputs, of_call, strict=True)
    }
    found = {}
    for i, call in enumerate(graph):
        if kind(call.operation) == "Conv2D" and call.operation.groups == 1:
            weights = np.abs(call.operation.get_weights()[0])
            power, gain = known[id(call.inputs[0])].power, known[id(call.outputs[0])].gain
            found[i] = Kernel(weights.max((0, 1)), weights.shape[0] * weights.shape[1], power, gain)
    return found


def is_rounded(call: Call) -> bool:
    """Whether what a call returns is rounded anew."""
    return kind(call.operation) not in MOVES


def feature_noise(statistics: Statistics, scales: Any) -> Any:
    """Mean square of the output's error that comes from rounding one tensor.

    Args:
        statistics: Of the tensor as it is.
        scales: By what its channels are divided in the file, `(channels,)`.
    """
    step = (keras.ops.max(statistics.high / scales) - keras.ops.min(statistics.low / scales)) / STEPS
    return step**2 / 12 * keras.ops.sum(statistics.gain * scales**2)


def weight_noise(kernel: Kernel, scales: Any) -> Any:
    """Mean square of the output's error that comes from rounding the weights of one convolution.

    Args:
        kernel: The weights as they are.
        scales: By what the channels of its input are divided in the file; those of its output do not matter.
    """
    steps = keras.ops.max(kernel.largest * scales[:, None], axis=0) / WEIGHT_STEPS
    power = kernel.area * keras.ops.sum(kernel.power / scales**2)
    return power / 12 * keras.ops.sum(kernel.gain * steps**2)
