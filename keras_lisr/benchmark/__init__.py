"""What a network costs: parameters and multiply-accumulates."""

from keras_lisr.benchmark.cost import multiply_accumulates as multiply_accumulates
from keras_lisr.benchmark.cost import parameters as parameters

__all__ = ["multiply_accumulates", "parameters"]
