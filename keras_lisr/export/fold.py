"""An equal network without what only training needs: the attention block's batch normalization, and CWSS."""

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
    """An equal network in which the two strategies cost as little as they can, for inference and export.

    The batch normalization of a `GlobalAttentionBlock` goes into its depthwise convolution (Eq. 6), so that the block
    becomes two convolutions; the alphas of CWSS go into the convolutions around each residual connection, whose branch
    takes alpha_1 ... alpha_i into its first kernel and divides its last one by it. What then remains of GGAS is its map
    and one product a block.

    Args:
        model: Functional model with one input and one output, with or without the strategies. It stays as it is.

    Returns:
        A model of the same output, up to the rounding of the new weights (1e-6 of the range), with layers of the same
        names. Where alphas are negative or cannot pass what follows them, multiplications stay: the sidecar of an
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
    """A network with scales in its weights, the free ones of these sizes, and without the layers that they replace."""
    values = partial(solution.values, sizes=sizes)

    def clone(operation):
        if type(operation) is GlobalAttentionBlock:
            return fold_attention(operation)
        return duplicate(operation)

    def call(operation, *args, **kwargs):
        args, kwargs = make_first_positional(args, kwargs)
        return args[0] if vanishes(operation, solution) else operation(*args, **kwargs)

    copy = keras.models.clone_model(model, clone_function=clone, call_function=call)
    for layer in model.layers:
        if layer.name in solution.layers:
            entering, leaving = map(values, solution.layers[layer.name])
            if type(layer) is GlobalAttentionBlock:
                set_attention(copy, layer, entering)
            else:
                copy.get_layer(layer.name).set_weights(rescale_weights(layer, entering, leaving))
        elif layer.weights and not vanishes(layer, solution):
            copy.get_layer(layer.name).set_weights(layer.get_weights())
    return copy


def vanishes(operation: keras.Operation, solution: Solution) -> bool:
    """Whether an operation is a `ChannelWiseScale` whose alphas are in other weights."""
    return type(operation) is ChannelWiseScale and operation.name not in solution.kept


def fold_attention(block: GlobalAttentionBlock) -> Callable[[Any], Any]:
    """Two convolutions in place of a block whose batch normalization is folded.

    A map that starts at one is divided by a layer of its own.
    """
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
    """Sets the weights of what `fold_attention` has made of a block, by the scales of the features that enter."""
    gain, shift = affine(block.normalization)
    kernel, bias = map(to_float64, block.depthwise.get_weights())
    model.get_layer(f"{block.name}_depthwise").set_weights([kernel * (gain * entering)[:, None], bias * gain + shift])
    model.get_layer(block.name).set_weights(block.pointwise.get_weights())


def affine(normalization: keras.layers.BatchNormalization) -> tuple[np.ndarray, np.ndarray]:
    """What a trained batch normalization multiplies a channel by, and what it then adds."""
    mean, variance = map(to_float64, (normalization.moving_mean, normalization.moving_variance))
    gamma = to_float64(normalization.gamma) if normalization.scale else 1.0
    beta = to_float64(normalization.beta) if normalization.center else 0.0
    gain = gamma / np.sqrt(variance + normalization.epsilon)
    return gain, beta - mean * gain


def rescale_weights(layer: keras.layers.Layer, entering: np.ndarray, leaving: np.ndarray) -> list[np.ndarray]:
    """The weights with which a layer takes T' and returns T' where it took and returned T, of these scales."""
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
    """A weight in float64, in which products of many factors are rounded but once."""
    return np.asarray(keras.ops.convert_to_numpy(weight), np.float64)
