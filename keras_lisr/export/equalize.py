"""The free scales of a network's channels, chosen so that 8-bit integers cost the least.

An integer file gives each tensor of features one step, so that its widest channel decides how coarsely all others are
rounded. A network that is equal but for the scales of its channels (see `channel_scales`) can have channels of like
width; which scales are best follows from how much each channel matters to the output.
"""

from collections.abc import Sequence

import keras
import numpy as np

from keras_lisr.export.channel_scales import ONE, Scales, Solution, solve
from keras_lisr.export.fold import rescaled
from keras_lisr.export.quantization_noise import feature_noise, is_rounded, kernels, measure, weight_noise
from keras_lisr.zoo.graph import calls

ITERATIONS = 100


def equalize(model: keras.Model, patches: Sequence[np.ndarray]) -> keras.Model:
    """An equal network that loses less when it is quantized to 8 bits.

    Minimizes, over the free scales, the noise that rounding every tensor and every weight adds to the output.

    Args:
        model: Folded functional model from RGB in [0, 1] to RGB. It stays as it is.
        patches: float32 pictures `(height, width, 3)` in [0, 1], of one size.

    Returns:
        A model of the same output up to the rounding of the new weights, with layers of the same names.

    Raises:
        ValueError: If the graph holds an operation that is not known, as `zoo.graph.calls` says.
    """
    solution = solve(model)
    sizes = least_noise(model, solution, patches)
    return rescaled(model, solution, sizes=lambda root: sizes.get(root, 1.0))


def least_noise(model: keras.Model, solution: Solution, patches: Sequence[np.ndarray]) -> dict[int, float]:
    """The sizes of the free scales that cost the least, by the number of their unknown."""
    import tensorflow as tf

    graph, statistics = list(calls(model)), measure(model, patches)
    of_calls = [[solution.tensors[id(tensor)] for tensor in call.outputs] for call in graph]
    unknowns = {int(unknown) for of_call in of_calls for scales in of_call for unknown in scales.unknowns}
    roots = [ONE, *sorted({solution.equations.root(unknown)[0] for unknown in unknowns} - {ONE})]
    places = {root: place for place, root in enumerate(roots)}
    logarithms = tf.Variable(np.zeros(len(roots) - 1, np.float32))

    def sized(scales: Scales):
        """A function from the sizes of all roots to the scales of one tensor."""
        factors = np.abs(solution.equations.values(scales)).astype(np.float32)
        indices = np.array([places[solution.equations.root(unknown)[0]] for unknown in scales.unknowns])
        return lambda sizes: tf.gather(sizes, indices) * factors

    features = [
        (of_tensor, sized(scales))
        for of_call, all_scales, call in zip(statistics, of_calls, graph, strict=True)
        for of_tensor, scales in zip(of_call, all_scales, strict=True)
        if is_rounded(call)
    ]
    weights = [
        (kernel, sized(solution.layers[graph[i].operation.name][0])) for i, kernel in kernels(graph, statistics).items()
    ]

    @tf.function
    def noise_and_gradient():
        with tf.GradientTape() as tape:
            sizes = tf.concat([[1.0], tf.exp(logarithms)], 0)
            noise = tf.add_n([feature_noise(known, scales(sizes)) for known, scales in features])
            noise += tf.add_n([weight_noise(known, scales(sizes)) for known, scales in weights])
            loss = tf.math.log(noise)
        return tape.gradient(loss, logarithms)

    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, ITERATIONS))
    for _ in range(ITERATIONS):
        optimizer.apply([noise_and_gradient()], [logarithms])
    return dict(zip(roots[1:], np.exp(logarithms.numpy()).tolist(), strict=True))
