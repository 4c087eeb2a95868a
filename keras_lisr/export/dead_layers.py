"""Layers that return 0 whatever the picture, such as those of a gate whose few units are all off."""

from collections.abc import Callable, Sequence
from functools import partial

import keras
import numpy as np


def bound_dead_layers(network: keras.Model, patches: Sequence[np.ndarray]) -> None:
    """Gives the converter a range for convolutions that return nothing but 0 on all patches.

    Of the empty range that calibration finds there, it makes a step of 1e-8, which XNNPACK does not compute with.

    Args:
        network: What `litert_graph` returned; changed in place.
        patches: What `calibration_patches` returned.
    """
    # In the gates, too.
    layers = network._flatten_layers()
    activations = {layer: layer.activation for layer in layers if callable(getattr(layer, "activation", None))}
    alive = set()

    def recorded(features, layer: keras.layers.Layer):
        result = activations[layer](features)
        if keras.ops.any(result != 0):
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
