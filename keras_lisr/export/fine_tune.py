"""Quantization-aware fine-tuning of a network for an int8 file."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_lisr.data.patches import dihedral
from keras_lisr.export.calibration import cut_patches
from keras_lisr.export.equalize import MOVES, WEIGHT_STEPS
from keras_lisr.graph.calls import is_tensor
from keras_lisr.tiling.rows import Progress

BATCH = 4
POOL = 256  # Patches, each seen in eight orientations.
SEED = 1000  # Other than those of calibration and verification.
LEARNING_RATE = 5e-5
FUSED = {"BatchNormalization", "ReLU", "Bounded"}  # Fused with the operation before, whose output is not rounded.
EXACT = MOVES | {"GetItem", "Bounded"}  # Operations whose output needs no rounding.


def fine_tune_quantized(
    network: keras.Model,
    model: keras.Model,
    patches: Sequence[np.ndarray],
    pictures: Sequence[np.ndarray],
    steps: int,
    progress: Progress | None = None,
) -> None:
    """Trains a network in place to reproduce the float network's output when it is rounded to 8 bits.

    Weights and features are rounded in the forward pass as in the file, with straight-through gradients (Jacob et al.,
    https://arxiv.org/abs/1712.05877). The targets are the float network's own output; no originals are needed.

    Args:
        network: Network that `litert_graph` returned, `bounded`.
        model: The network in floats.
        patches: Patches of the calibration, which determine the ranges.
        pictures: uint8 arrays `(height, width, 3)` to train on.
        steps: Number of steps, each on 4 patches of the size of `patches`.
        progress: Called after each step with the numbers of finished and of all steps.
    """
    import tensorflow as tf

    network.trainable = True  # The user's model may be frozen.
    rounded = simulate(network)
    for patch in patches:
        rounded(patch[None])
    for layer in rounded.layers:
        if isinstance(layer, Rounding):
            layer.observes = False
    state = [variable.value for variable in rounded.non_trainable_variables]
    variables = rounded.trainable_variables
    kernels = {  # Axes over which the weights of a kernel share a step, by its id.
        id(layer.kernel): (0, 1) if isinstance(layer, keras.layers.DepthwiseConv2D) else (0, 1, 2)
        for layer in network._flatten_layers()  # Including those inside attention layers.
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D)
    }
    axes_of = [kernels.get(id(variable)) for variable in variables]
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps))
    optimizer.build(variables)

    @tf.function
    def step(low_resolution):
        target = tf.clip_by_value(model(low_resolution, training=False), 0, 1)
        with tf.GradientTape() as tape:
            weights = [round_weight(variable.value, axes) for variable, axes in zip(variables, axes_of, strict=True)]
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
    """Returns the network, of the same layers, with features rounded wherever an int8 file rounds them."""
    roundings: dict[int, tuple[Any, Any]] = {}  # Tensors and their rounded ones, by the tensor's id.

    def round_once(tensor):
        if id(tensor) not in roundings:
            rounded = Rounding()(tensor)
            roundings.update({id(tensor): (tensor, rounded), id(rounded): (rounded, rounded)})
        return roundings[id(tensor)][1]

    def call(operation, *args, **kwargs):
        name = type(operation).__name__
        if name not in FUSED:
            args = keras.tree.map_structure(lambda arg: round_once(arg) if is_tensor(arg) else arg, args)
        results = operation(*args, **kwargs)
        if name in EXACT:
            roundings.update({id(tensor): (tensor, tensor) for tensor in keras.tree.flatten(results)})
        return results

    return keras.models.clone_model(network, clone_function=lambda operation: operation, call_function=call)


class Rounding(keras.layers.Layer):
    """Rounds to 8 bits within a range that it observes first; gradients pass straight through."""

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
        high = tf.maximum(self.high, self.low + 1e-6)  # The range may be empty.
        return tf.quantization.fake_quant_with_min_max_vars(features, self.low, high)


def round_weight(weight: Any, axes: tuple[int, ...] | None) -> Any:
    """Rounds a kernel to 8 bits, with one step over these axes; other weights stay. Gradients pass straight through."""
    import tensorflow as tf

    if axes is None:
        return weight
    step = tf.maximum(tf.reduce_max(tf.abs(weight), axes, keepdims=True), 1e-12) / WEIGHT_STEPS
    return weight + tf.stop_gradient(tf.round(weight / step) * step - weight)
