"""Limits what building a network from an untrusted file may allocate."""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

SLACK = 2**16  # Numbers that files lack, such as the seeds of Dropout.
_one_at_a_time = threading.RLock()


@contextmanager
def at_most_weights(most: int) -> Iterator[None]:
    """Limits the weights of models that this thread builds within.

    Keras initializes a model before it reads the weights, so that a file of a few kilobytes could describe one that
    fills the memory. The size is not known beforehand, so that each new `keras.Variable` is counted.

    Args:
        most: Number of weights in the file.

    Raises:
        ValueError: Within, from the first weight beyond.
    """
    made = 0
    thread = threading.get_ident()

    def count(variable: keras.Variable, initializer: Any, shape: Any = None, *args: Any, **kwargs: Any) -> None:
        nonlocal made
        if threading.get_ident() == thread:
            made += math.prod(shape or getattr(initializer, "shape", ()))
            if made > most + SLACK:
                raise ValueError(f"it describes a network of at least {made} weights, but holds {most}")
        make(variable, initializer, shape, *args, **kwargs)

    with _one_at_a_time:
        make = keras.Variable.__init__
        keras.Variable.__init__ = count
        try:
            yield
        finally:
            keras.Variable.__init__ = make
