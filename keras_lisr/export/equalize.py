"""Chooses the free scales of a network's channels so that 8-bit integers lose the least.

An int8 file gives each tensor of features one step, so that its widest channel decides how coarsely all others are
rounded. Channels can be rescaled without changing the output (see `channel_scales`); the best scales follow from how
much each channel matters to the output. Rounding has a mean squared error of a twelfth of the step's square, and
gradients, measured on pictures, say how much of it reaches the output.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_lisr.export.channel_scales import ONE, Scales, solve
from keras_lisr.export.fold import rescale_model
from keras_lisr.graph.calls import calls, kind
from keras_lisr.graph.cast import cast_model

ITERATIONS = 200
BATCH = 4  # RCAN's tensors of a batch, and their gradients, take 10 GB.
MOVES = {"DepthToSpace", "Identity", "InputLayer", "Split"}  # Their outputs have been rounded before.
STEPS, WEIGHT_STEPS = 255, 127  # Of the range of features, and of the weights on either side of 0.


def equalize(model: keras.Model, patches: Sequence[np.ndarray]) -> keras.Model:
    """Returns an equivalent network that loses less when it is quantized to 8 bits.

    Minimizes, over the free scales, the noise that rounding every tensor and every weight adds to the output.

    Args:
        model: Folded functional model from RGB in [0, 1] to RGB. It is not changed.
        patches: float32 pictures `(height, width, 3)` in [0, 1], of one size.

    Returns:
        Model with the same output up to the rounding of the new weights, and layers of the same names.

    Raises:
        ValueError: As `graph.calls`.
    """
    import tensorflow as tf

    model = cast_model(model, "float32")
    solution, statistics = solve(model), measure(model, patches)
    places = {ONE: 0}  # Indices of the free unknowns in `sizes`.
    groups: dict[tuple, list[tuple]] = {}  # Tensors and kernels by their shapes, to be computed in batches.

    def add(noise: Callable, scales: Scales, *known: np.ndarray) -> None:
        indices = [places.setdefault(solution.root(unknown)[0], len(places)) for unknown in scales.unknowns]
        row = np.array(indices), solution.values(scales).astype(np.float32), *known
        groups.setdefault((noise, *(array.shape for array in known)), []).append(row)

    for call in calls(model):
        for tensor in call.outputs if kind(call.operation) not in MOVES else ():
            low, high, _, gain = statistics[id(tensor)]
            add(feature_noise, solution.tensors[id(tensor)], low, high, gain)
        if kind(call.operation) == "Conv2D" and call.operation.groups == 1:
            kernel = np.abs(call.operation.get_weights()[0])
            entering, leaving = (statistics[id(tensor)] for tensor in (call.inputs[0], call.outputs[0]))
            area = kernel.shape[0] * kernel.shape[1]
            scales = solution.layers[call.operation.name][0]
            add(kernel_noise, scales, kernel.max((0, 1)), area * entering.power, leaving.gain)
    terms = [(noise, *map(np.stack, zip(*rows, strict=True))) for (noise, *_), rows in groups.items()]
    logarithms = tf.Variable(np.zeros(len(places) - 1, np.float32))

    @tf.function
    def gradient():
        with tf.GradientTape() as tape:
            sizes = tf.concat([[1.0], tf.exp(logarithms)], 0)
            parts = [noise(tf.gather(sizes, indices) * own, *known) for noise, indices, own, *known in terms]
            loss = tf.math.log(tf.add_n(parts))
        return tape.gradient(loss, logarithms)

    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, ITERATIONS))
    for _ in range(ITERATIONS):
        optimizer.apply([gradient()], [logarithms])
    sizes = dict(zip(list(places)[1:], np.exp(logarithms.numpy()).tolist(), strict=True))
    return rescale_model(model, solution, sizes)


class Statistics(NamedTuple):
    """Statistics of a tensor's channels, `(channels,)` each.

    Args:
        low: Smallest values, at most 0.
        high: Largest values, at least 0.
        power: Mean squares.
        gain: Mean squared error of the output, relative to that of the channel.
    """

    low: np.ndarray
    high: np.ndarray
    power: np.ndarray
    gain: np.ndarray


def feature_noise(scales: Any, low: Any, high: Any, gain: Any) -> Any:
    """Computes the output's mean squared error from rounding tensors of as many channels, `(tensors, channels)`.

    The file divides the channels by the scales; the other arguments are as in `Statistics`.
    """
    steps = (keras.ops.max(high / scales, -1) - keras.ops.min(low / scales, -1)) / STEPS
    return keras.ops.sum(steps**2 / 12 * keras.ops.sum(gain * scales**2, -1))


def kernel_noise(scales: Any, largest: Any, power: Any, gain: Any) -> Any:
    """Computes the output's mean squared error from rounding kernels of one shape, with a step for each filter.

    Args:
        scales: Scales by which the file divides the input channels, `(kernels, channels)`; those of the outputs do not
            matter.
        largest: Largest weights between two channels, `(kernels, channels, filters)`.
        power: Mean squares of the input channels, times the number of weights between two channels.
        gain: As in `Statistics`, of the output channels, `(kernels, filters)`.
    """
    steps = keras.ops.max(largest * scales[..., None], -2) / WEIGHT_STEPS
    return keras.ops.sum(keras.ops.sum(power / scales**2, -1) / 12 * keras.ops.sum(gain * steps**2, -1))


def measure(model: keras.Model, patches: Sequence[np.ndarray]) -> dict[int, Statistics]:
    """Measures the statistics of a network's tensors, by their ids, on pictures in [0, 1] of one size."""
    import tensorflow as tf

    tensors = [tensor for call in calls(model) for tensor in call.outputs]
    probe = keras.Model(model.input, tensors)

    @tf.function  # Frees each tensor once it is summarized: RCAN's take gigabytes.
    def summaries(pictures, first):
        with tf.GradientTape() as tape:
            values = probe(pictures, training=False)
            # With random signs, the mean square of the sum's gradient is the sum of squares of all outputs' gradients.
            signs = tf.sign(tf.random.stateless_uniform(tf.shape(values[-1]), [0, first], -1, 1))
            total = tf.reduce_sum(values[-1] * signs)
        gradients = tape.gradient(total, values, unconnected_gradients="zero")
        # Values of a small tensor stand for all outputs that see them.
        shares = [math.prod(value.shape[1:-1]) / math.prod(values[-1].shape[1:]) for value in values]
        return [summarize(*each) for each in zip(values, gradients, shares, strict=True)]

    parts = [
        summaries(np.stack(patches[start : start + BATCH]), tf.constant(start))
        for start in range(0, len(patches), BATCH)
    ]
    statistics = {}
    for tensor, of_tensor in zip(tensors, zip(*parts, strict=True), strict=True):
        low, high, power, gain = map(np.stack, zip(*of_tensor, strict=True))
        of_channels = np.minimum(low.min(0), 0), np.maximum(high.max(0), 0), power.mean(0), gain.mean(0)
        statistics[id(tensor)] = Statistics(*of_channels)
    return statistics


def summarize(value: Any, gradient: Any, share: float) -> tuple[Any, ...]:
    """Returns the range of each channel, its mean square, and that of its gradient times the share."""
    axes, square = tuple(range(len(value.shape) - 1)), keras.ops.square
    low, high = keras.ops.min(value, axes), keras.ops.max(value, axes)
    return low, high, keras.ops.mean(square(value), axes), keras.ops.mean(square(gradient), axes) * share
