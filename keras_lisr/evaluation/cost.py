"""Counts parameters and multiply-accumulates, the costs that every paper of the field states."""

import math
from fractions import Fraction

import keras

from keras_lisr.graph.calls import calls
from keras_lisr.layers.approximate_self_attention import ApproximateSelfAttention
from keras_lisr.layers.channel_attention import ChannelAttention
from keras_lisr.layers.enhanced_spatial_attention import EnhancedSpatialAttention

# Pixels on which the convolutions of enhanced spatial attention work, for each pixel of the features.
SPATIAL_ATTENTION_PIXELS = {"stride": Fraction(1, 4)} | {f"coarse_{i}": Fraction(1, 36) for i in (1, 2, 3)}


def parameters(model: keras.Model) -> int:
    """Counts trainable parameters, without the moving statistics of batch normalization."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def multiply_accumulates(model: keras.Model, height: int = 720, width: int = 1280) -> int:
    """Counts the multiplications with a following addition for one picture.

    Convolutions are counted, including those inside attention layers. As in the papers, biases, normalization,
    activations, sums and products of features, resizing with fixed weights, and the gates of channel attention, which
    are computed once a picture, are not. Kernels of other layers count once for each pixel of the output.

    Args:
        model: Model with one input and one output.
        height: Height of the super-resolved picture, in pixels.
        width: Width of the super-resolved picture.

    Raises:
        ValueError: As `graph.calls`.

    Example:

    >>> from keras_lisr.zoo import fsrcnn
    >>> multiply_accumulates(fsrcnn(scale=4))
    2011392000
    """
    per_low_resolution_pixel = Fraction(0)
    for call in calls(model):
        # A transposed convolution applies its kernel to the pixels of its input.
        is_transposed = isinstance(call.operation, keras.layers.Conv2DTranspose)
        resolution = call.input_resolution if is_transposed else call.output_resolution
        per_low_resolution_pixel += multiply_accumulates_per_pixel(call.operation) * resolution**2
    return round(per_low_resolution_pixel * height * width / call.output_resolution**2)


def multiply_accumulates_per_pixel(operation: keras.Operation) -> Fraction | int:
    """Counts each kernel once a pixel, less in attention layers that work on a smaller grid."""
    if isinstance(operation, ChannelAttention):
        return 0
    weights = getattr(operation, "weights", ())
    kernels = [weight for weight in weights if "kernel" in weight.name]
    pixels = SPATIAL_ATTENTION_PIXELS if isinstance(operation, EnhancedSpatialAttention) else {}
    total = sum(pixels.get(kernel.path.split("/")[-2], 1) * math.prod(kernel.shape) for kernel in kernels)
    return Fraction(total, operation.pool_size**2) if isinstance(operation, ApproximateSelfAttention) else total
