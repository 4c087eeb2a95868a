"""Estimates the memory of a network's tensors from its graph."""

import math
from fractions import Fraction

import keras
import numpy as np

from keras_lisr.graph.calls import Call, calls, kind

# Measured peak of TensorFlow's memory over `bytes_per_pixel`, windows of 200 to 1,187 pixels a side: 0.7 (FSRCNN), 1.4
# (MemNet), 1.6 (SMFANet), 1.7 (IMDN), 2.2 (IDN, RCAN), 2.4 (EDSR, CARN).
MEMORY_OVERHEAD = 2.4
# TensorFlow 2.21 with oneDNN (AVX2, float32) convolves 1447 x 1447 x 64 values in 3 s; 1450 x 1450 x 64, more than 2^29
# bytes, did not return within 25 s.
MOST_VALUES = 2**27 - 1


def values_per_pixel(model: keras.Model) -> int:
    """Returns the values of a network's largest tensor for each pixel of a window."""
    return math.ceil(max(max(*call.values, values_inside(call)) for call in calls(model)))


def bytes_per_pixel(model: keras.Model) -> int:
    """Returns the peak bytes of a network's tensors for each pixel of a window, without `MEMORY_OVERHEAD`.

    Each tensor lives from the call that makes it to the last one that reads it.
    """
    graph = list(calls(model))
    last_call = {id(tensor): i for i, call in enumerate(graph) for tensor in call.inputs}
    held: dict[int, int] = {}
    most = 0
    for i, call in enumerate(graph):
        for tensor, values in zip(call.outputs, call.values, strict=True):
            held[id(tensor)] = math.ceil(values * np.dtype(tensor.dtype).itemsize)
        most = max(most, sum(held.values()) + math.ceil(2 * values_inside(call)) * np.dtype("float32").itemsize)
        held = {tensor: size for tensor, size in held.items() if last_call.get(tensor, 0) > i}
    return most


def values_inside(call: Call) -> Fraction:
    """Estimates the values of the largest tensor within an unknown layer from its widest weight."""
    if kind(call.operation) or call.radius is not None:
        return Fraction(0)
    weights = getattr(call.operation, "weights", ())
    return call.input_resolution**2 * max((weight.shape[-1] for weight in weights if weight.shape), default=0)
