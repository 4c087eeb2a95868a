"""Quantization-aware fine-tuning: a network learns to live with the roundings of an int8 file."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_lisr.data.patches import dihedral
from keras_lisr.export.calibration import cut_patches
from keras_lisr.export.quantization_noise import MOVES, WEIGHT_STEPS
from keras_lisr.graph.calls import is_tensor
from keras_lisr.tiling.rows import Progress

BATCH = 4
POOL = 256  # Patches that are cut once; each is seen in eight orientations.
SEED = 1000  # Apart from those of calibration and verification.
LEARNING_RATE = 5e-5
FUSED = {"BatchNormalization", "ReLU", "Bounded"}  # Computed with what comes before, which is not rounded for them.
MOVED = MOVES | {"GetItem", "Bounded"}


def fine_tune_quantized(
    network: keras.Model,
    model: keras.Model,
    patches: Sequence[np.ndarray],
    pictures: Sequence[np.ndarray],
    steps: int,
    progress: Progress | None = None,
) -> None:
    """Trains a network in place so that, rounded to 8 bits, it computes what the one in floats does.

    Weights and features are rounded in the forward pass as the file will do it, with gradients as if they were not
    (Jacob et al., https://arxiv.org/abs/1712.05877). There are no originals to learn from: what is learnt is the
    unrounded network's own output.

    Args:
        network: What `litert_graph` returned, `bounded`.
        model: The network in floats.
        patches: Those of the calibration, from which the ranges are taken.
        pictures: uint8 arrays `(height, width, 3)` to train on.
        steps: How many, each on 4 patches as large as those.
        progress: Called after each step with the number of those that are done and of all.
    """
    import tensorflow as tf

    network.trainable = True  # Of the model itself, it need not be.
    rounded = simulate(network)
    roundings = [layer for layer in rounded.layers if isinstance(layer, Rounding)]
    for patch in patches:
        rounded(patch[None])
    for layer in roundings:
        layer.observes = False
    state = [variable.value for variable in rounded.non_trainable_variables]
    variables = rounded.trainable_variables
    kernels = kernels_of(network)
    steps_of = [kernels.get(id(variable)) for variable in variables]
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps))
    optimizer.build(variables)

    @tf.function
    def step(low_resolution):
        target = tf.clip_by_value(model(low_resolution, training=False), 0, 1)
        with tf.GradientTape() as tape:
            weights = [round_weight(variable.value, axes) for variable, axes in zip(variables, steps_of, strict=True)]
            result, _ = rounded.stateless_call(weights, state, low_resolution, training=False)
            loss = tf.reduce_mean(tf.square(result - target))
        optimizer.apply(tape.gradient(loss, [variable.value for variable in variables]), variables)

    height, width, _ = patches[0].shape
    pool = cut_patches(pictures, (height, width), POOL, SEED)
    orientations = range(0, 8, 1 if height == width else 2)  # Without quarter turns.
    random = np.random.default_rng(SEED)
    for done in range(1, steps + 1):
        chosen = zip(random.integers(0, len(pool), BATCH), random.choice(orientations, BATCH), strict=True)
        batch = np.stack([dihedral(pool[patch], orientation) for patch, orientation in chosen])
        step(batch.astype(np.float32) / 255)
        if progress:
            progress(done, steps)


def simulate(network: keras.Model) -> keras.Model:
    """The network, with its own layers, whose features are rounded wherever an int8 file rounds them."""
    roundings: dict[int, Any] = {}  # Rounded tensors, by the id of what they were made of.
    exact: list[Any] = []  # Tensors that need no rounding, kept so that no other gets their id.

    def round_once(tensor):
        if any(tensor is other for other in exact):
            return tensor
        if id(tensor) not in roundings:
            roundings[id(tensor)] = Rounding()(tensor), tensor
            exact.append(roundings[id(tensor)][0])
        return roundings[id(tensor)][0]

    def call(operation, *args, **kwargs):
        name = type(operation).__name__
        if name not in FUSED:
            args = keras.tree.map_structure(lambda arg: round_once(arg) if is_tensor(arg) else arg, args)
        results = operation(*args, **kwargs)
        if name in MOVED:
            exact.extend(keras.tree.flatten(results))
        return results

    return keras.models.clone_model(network, clone_function=lambda operation: operation, call_function=call)


class Rounding(keras.layers.Layer):
    """Rounds to 8 bits, within a range that it observes first; gradients pass as if it did not."""

    def __init__(self):
        super().__init__()
        self.observes = True

    def build(self, shape):
        self.low, self.high = (
            self.add_weight(shape=(), initializer="zeros", trainable=False, name=name) for name in ("low", "high")
        )

    def call(self, features):
        import tensorflow as tf

        if self.observes:
            self.low.assign(tf.minimum(self.low, tf.reduce_min(features)))
            self.high.assign(tf.maximum(self.high, tf.reduce_max(features)))
            return features
        high = tf.maximum(self.high, self.low + 1e-6)  # Where nothing but 0 was observed.
        return tf.quantization.fake_quant_with_min_max_vars(features, self.low, high)


def kernels_of(network: keras.Model) -> dict[int, tuple[int, ...]]:
    """The kernels of a network's convolutions, by their id: the axes over which all weights have one step."""
    kernels: dict[int, tuple[int, ...]] = {}
    for layer in network._flatten_layers():  # Those of the gates, too.
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            kernels[id(layer.kernel)] = (0, 1)
        elif isinstance(layer, keras.layers.Conv2D):
            kernels[id(layer.kernel)] = (0, 1, 2)
    return kernels


def round_weight(weight: Any, axes: tuple[int, ...] | None) -> Any:
    """A kernel rounded to 8 bits, with one step over these axes; others stay. Gradients pass as if none were."""
    import tensorflow as tf

    if axes is None:
        return weight
    step = tf.maximum(tf.reduce_max(tf.abs(weight), axes, keepdims=True), 1e-12) / WEIGHT_STEPS
    return weight + tf.stop_gradient(tf.round(weight / step) * step - weight)
