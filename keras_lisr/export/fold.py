"""Folds the attention block's batch normalization and CWSS into convolutions."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import keras
import numpy as np

from keras_lisr.export.channel_scales import Solution, solve
from keras_lisr.graph.calls import make_first_positional
from keras_lisr.graph.flatten import duplicate
from keras_lisr.layers.channel_wise_scale import ChannelWiseScale
from keras_lisr.layers.global_attention_block import GlobalAttentionBlock


def fold(model: keras.Model) -> keras.Model:
    """Returns an equivalent network for inference, in which the two strategies cost as little as possible.

    The batch normalization of a `GlobalAttentionBlock` is folded into its depthwise convolution (Eq. 6), so that the
    block becomes two convolutions. The alphas of CWSS are folded into the convolutions around each residual connection,
    whose branch takes alpha_1 ... alpha_i into its first kernel and divides its last one by it. GGAS keeps its map and
    one product a block.

    Args:
        model: Functional model with one input and one output, with or without the strategies. It is not changed.

    Returns:
        Model with the same output, up to the rounding of the new weights (1e-6 of the range), and layers of the same
        names. Multiplications stay where alphas are negative or cannot pass what follows them; the sidecar of an
        exported file says which and why.

    Raises:
        ValueError: As `graph.calls`.

    Example:

    >>> from keras_lisr.zoo import edsr_baseline
    >>> fold(edsr_baseline(ggas=True, cwss=True)).count_params() - edsr_baseline().count_params()  # Eq. 6
    7360
    """
    return rescale_model(model, solve(model))


def rescale_model(model: keras.Model, solution: Solution, sizes: Mapping[int, float] | None = None) -> keras.Model:
    """Rebuilds a network with scales absorbed in its weights, the free ones of these sizes."""
    values = partial(solution.values, sizes=sizes)

    def clone(operation):
        if type(operation) is GlobalAttentionBlock:
            return fold_attention(operation)
        return duplicate(operation)

    def call(operation, *args, **kwargs):
        args, kwargs = make_first_positional(args, kwargs)
        return args[0] if is_folded(operation, solution) else operation(*args, **kwargs)

    copy = keras.models.clone_model(model, clone_function=clone, call_function=call)
    for layer in model.layers:
        if layer.name in solution.layers:
            entering, leaving = map(values, solution.layers[layer.name])
            if type(layer) is GlobalAttentionBlock:
                set_attention(copy, layer, entering)
            else:
                copy.get_layer(layer.name).set_weights(rescale_weights(layer, entering, leaving))
        elif layer.weights and not is_folded(layer, solution):
            copy.get_layer(layer.name).set_weights(layer.get_weights())
    return copy


def is_folded(operation: keras.Operation, solution: Solution) -> bool:
    """Checks whether an operation is a `ChannelWiseScale` that the scales replace."""
    return type(operation) is ChannelWiseScale and operation.name not in solution.kept


def fold_attention(block: GlobalAttentionBlock) -> Callable[[Any], Any]:
    """Makes the two convolutions that replace a block, and a division if its map starts at one."""
    depthwise = keras.layers.DepthwiseConv2D(
        block.kernel_size, padding="same", activation="relu", dtype=block.dtype_policy, name=f"{block.name}_depthwise"
    )
    channels = block.pointwise.filters
    pointwise = keras.layers.Conv2D(channels, 1, activation="sigmoid", dtype=block.dtype_policy, name=block.name)
    if block.divisor == 1:
        return lambda shallow: pointwise(depthwise(shallow))
    divide = keras.layers.Rescaling(1 / block.divisor, dtype=block.dtype_policy, name=f"{block.name}_divided")
    return lambda shallow: divide(pointwise(depthwise(shallow)))


def set_attention(model: keras.Model, block: GlobalAttentionBlock, entering: np.ndarray) -> None:
    """Sets the weights of a folded block, for the scales of its input."""
    gain, shift = affine(block.normalization)
    kernel, bias = map(to_float64, block.depthwise.get_weights())
    model.get_layer(f"{block.name}_depthwise").set_weights([kernel * (gain * entering)[:, None], bias * gain + shift])
    model.get_layer(block.name).set_weights(block.pointwise.get_weights())


def affine(normalization: keras.layers.BatchNormalization) -> tuple[np.ndarray, np.ndarray]:
    """Returns the gain and offset of a trained batch normalization, for each channel."""
    mean, variance = map(to_float64, (normalization.moving_mean, normalization.moving_variance))
    gamma = to_float64(normalization.gamma) if normalization.scale else 1.0
    beta = to_float64(normalization.beta) if normalization.center else 0.0
    gain = gamma / np.sqrt(variance + normalization.epsilon)
    return gain, beta - mean * gain


def rescale_weights(layer: keras.layers.Layer, entering: np.ndarray, leaving: np.ndarray) -> list[np.ndarray]:
    """Returns the weights of a layer for inputs and outputs that are divided by these scales."""
    first, *others = map(to_float64, layer.get_weights())
    match type(layer).__name__:
        case "Conv2D":
            return [first * entering[:, None] / leaving, *(bias / leaving for bias in others)]
        case "DepthwiseConv2D":
            return [first * (entering / leaving)[:, None], *(bias / leaving for bias in others)]
        case "Conv2DTranspose":
            return [first * entering / leaving[:, None], *(bias / leaving for bias in others)]
        case "BatchNormalization":
            beta, mean, variance = others
            return [first * entering / leaving, beta / leaving, mean / entering, variance]
    return [first * entering[:, None], *others]  # The first convolution of a gate.


def to_float64(weight: Any) -> np.ndarray:
    """Converts a weight to float64, so that products of many factors are rounded once."""
    return np.asarray(keras.ops.convert_to_numpy(weight), np.float64)
