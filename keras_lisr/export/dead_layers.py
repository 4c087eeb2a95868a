"""Layers that return the same next to nothing whatever the picture, such as those of a gate whose few units are off."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np

NOTHING = 1e-3  # Of a sigmoid's argument, less than a step of 8 bits of what it makes of it.


def bound_dead_layers(network: keras.Model, patches: Sequence[np.ndarray]) -> None:
    """Gives the converter a range for convolutions that return nothing on all patches but 0 or a bias near it.

    Of the range that calibration finds there, if any, it makes a step of 1e-8, which XNNPACK does not compute with.

    Args:
        network: What `litert_graph` returned; changed in place.
        patches: What `calibration_patches` returned.
    """
    # In the gates, too.
    layers = network._flatten_layers()
    activations = {layer: layer.activation for layer in layers if callable(getattr(layer, "activation", None))}
    alive = set()
    constants: dict[keras.layers.Layer, Any] = {}

    def recorded(features, layer: keras.layers.Layer):
        result = activations[layer](features)
        pixels = keras.ops.reshape(result, (-1, result.shape[-1]))
        constant = constants.setdefault(layer, pixels[0])
        if keras.ops.any(keras.ops.abs(result) > NOTHING) or keras.ops.any(pixels != constant):
            alive.add(layer)
        return result

    set_activations({layer: partial(recorded, layer=layer) for layer in activations})
    for patch in patches:
        network(patch[None], training=False)
    set_activations(
        {layer: activation if layer in alive else bounded(activation) for layer, activation in activations.items()}
    )


def set_activations(activations: dict[keras.layers.Layer, Callable]) -> None:
    """Gives each layer its activation."""
    for layer, activation in activations.items():
        layer.activation = activation


def bounded(activation: Callable) -> Callable:
    """An activation to which the converter gives the range [-1, 1]."""
    import tensorflow as tf

    return lambda features: tf.quantization.fake_quant_with_min_max_args(activation(features), -1.0, 1.0)
