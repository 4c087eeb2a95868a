"""A limit to what building a network from a stranger's file may allocate."""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

SLACK = 2**16  # Weights that no file has, such as the seeds of Dropout.
_one_at_a_time = threading.RLock()


@contextmanager
def at_most_weights(most: int) -> Iterator[None]:
    """Layers that are built within, in this thread, get no more weights than a file holds.

    Keras makes a model, of zeros and random numbers, before it reads the weights: a file of a few kilobytes could
    describe one that fills the memory. There is no way to ask beforehand how large a model will be, so that
    `Layer.add_weight`, which every weight comes from, counts.

    Args:
        most: How many numbers the file holds.

    Raises:
        ValueError: Within, from the layer that would go beyond.
    """
    made = 0
    thread = threading.get_ident()

    def counted(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        nonlocal made
        if threading.get_ident() == thread:
            made += math.prod(kwargs.get("shape") or (args[0] if args else None) or ())
            if made > most + SLACK:
                raise ValueError(f"it holds {most} weights, and describes a network of {made} up to {layer.name!r}")
        return add_weight(layer, *args, **kwargs)

    with _one_at_a_time:
        add_weight = keras.layers.Layer.add_weight
        keras.layers.Layer.add_weight = counted
        try:
            yield
        finally:
            keras.layers.Layer.add_weight = add_weight
