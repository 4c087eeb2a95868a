"""The free scales of a network's channels, chosen so that 8-bit integers cost the least.

An integer file gives each tensor of features one step, so that its widest channel decides how coarsely all others are
rounded. A network that is equal but for the scales of its channels (see `channel_scales`) can have channels of like
width; which scales are best follows from how much each channel matters to the output.
"""

from collections.abc import Callable, Sequence

import keras
import numpy as np

from keras_lisr.export.channel_scales import ONE, Scales, Solution, solve
from keras_lisr.export.fold import rescaled
from keras_lisr.export.quantization_noise import features_of, is_rounded, kernels_of, measure
from keras_lisr.graph.calls import calls
from keras_lisr.graph.cast import in_precision

ITERATIONS = 200


def equalize(model: keras.Model, patches: Sequence[np.ndarray]) -> keras.Model:
    """An equal network that loses less when it is quantized to 8 bits.

    Minimizes, over the free scales, the noise that rounding every tensor and every weight adds to the output.

    Args:
        model: Folded functional model from RGB in [0, 1] to RGB. It stays as it is.
        patches: float32 pictures `(height, width, 3)` in [0, 1], of one size.

    Returns:
        A model of the same output up to the rounding of the new weights, with layers of the same names.

    Raises:
        ValueError: If the graph holds an operation that is not known, as `graph.calls` says.
    """
    model = in_precision(model, "float32")
    solution = solve(model)
    sizes = least_noise(model, solution, patches)
    return rescaled(model, solution, sizes=lambda root: sizes.get(root, 1.0))


def least_noise(model: keras.Model, solution: Solution, patches: Sequence[np.ndarray]) -> dict[int, float]:
    """The sizes of the free scales that cost the least, by the number of their unknown."""
    import tensorflow as tf

    equations = solution.equations
    graph, statistics = list(calls(model)), measure(model, patches)
    features, kernels = features_of(graph, statistics), kernels_of(graph, statistics)
    of_features = [solution.tensors[id(tensor)] for call in graph if is_rounded(call) for tensor in call.outputs]
    of_kernels = [solution.layers[name][0] for name in kernels.names]
    unknowns = np.concatenate([scales.unknowns for scales in of_features + of_kernels])
    roots = [ONE, *sorted({equations.root(unknown)[0] for unknown in unknowns} - {ONE})]
    places = {root: place for place, root in enumerate(roots)}
    logarithms = tf.Variable(np.zeros(len(roots) - 1, np.float32))

    def sized(tensors: Sequence[Scales]) -> Callable:
        """A function from the sizes of all roots to the scales of some tensors in one row."""
        factors = np.abs(np.concatenate([equations.values(scales) for scales in tensors])).astype(np.float32)
        indices = [places[equations.root(unknown)[0]] for scales in tensors for unknown in scales.unknowns]
        return lambda sizes: tf.gather(sizes, indices) * factors

    scales_of_features, scales_of_kernels = sized(of_features), sized(of_kernels)

    @tf.function
    def gradient():
        with tf.GradientTape() as tape:
            sizes = tf.concat([[1.0], tf.exp(logarithms)], 0)
            noise = features.noise(scales_of_features(sizes)), kernels.noise(scales_of_kernels(sizes))
            loss = tf.math.log(sum(map(tf.reduce_sum, noise)))
        return tape.gradient(loss, logarithms)

    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, ITERATIONS))
    for _ in range(ITERATIONS):
        optimizer.apply([gradient()], [logarithms])
    return dict(zip(roots[1:], np.exp(logarithms.numpy()).tolist(), strict=True))
