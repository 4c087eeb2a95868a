"""A limit to what building a network from a stranger's file may allocate."""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

SLACK = 2**16  # Numbers that no file has, such as the seeds of Dropout.
_one_at_a_time = threading.RLock()


@contextmanager
def at_most_weights(most: int) -> Iterator[None]:
    """Models that are built within, in this thread, get no more weights than a file holds.

    Keras makes a model, of zeros and random numbers, before it reads the weights: a file of a few kilobytes could
    describe one that fills the memory. There is no way to ask beforehand how large a model will be, so that
    `keras.Variable`, which every weight and every state is, counts.

    Args:
        most: How many numbers the network may have, by those in the file.

    Raises:
        ValueError: Within, from the weight that would go beyond.
    """
    made = 0
    thread = threading.get_ident()

    def count(variable: keras.Variable, initializer: Any, shape: Any = None, *args: Any, **kwargs: Any) -> None:
        nonlocal made
        if threading.get_ident() == thread:
            made += math.prod(shape or getattr(initializer, "shape", ()))
            if made > most + SLACK:
                raise ValueError(f"it describes a network of {made} weights and more; by those in it, {most} can be")
        make(variable, initializer, shape, *args, **kwargs)

    with _one_at_a_time:
        make = keras.Variable.__init__
        keras.Variable.__init__ = count
        try:
            yield
        finally:
            keras.Variable.__init__ = make
