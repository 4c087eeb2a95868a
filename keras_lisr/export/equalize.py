"""Chooses the free scales of a network's channels so that 8-bit integers lose the least.

An int8 file gives each tensor of features one step, so that its widest channel decides how coarsely all others are
rounded. Channels can be rescaled without changing the output (see `channel_scales`); the best scales follow from how
much each channel matters to the output.
"""

from collections.abc import Callable, Sequence

import keras
import numpy as np

from keras_lisr.export.channel_scales import ONE, Scales, solve
from keras_lisr.export.fold import rescale_model
from keras_lisr.export.quantization_noise import feature_noise, is_rounded, kernel_noise, measure
from keras_lisr.graph.calls import calls, kind
from keras_lisr.graph.cast import cast_model

ITERATIONS = 200


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
        for tensor in call.outputs if is_rounded(call) else ():
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
