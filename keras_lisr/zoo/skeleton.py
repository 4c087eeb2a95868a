"""The vocabulary that the builders share: what Eq. 1 to 4 and 7 to 8 of the paper name, as functions on Keras tensors.

The topologies differ exactly between their blocks (chain, cascade, dense gate, concatenation), so each builder spells
its own wiring and takes from here only what is the same everywhere.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from keras_lisr.layers.channel_attention import ChannelAttention
from keras_lisr.layers.channel_wise_scale import ChannelWiseScale
from keras_lisr.layers.contrast_channel_attention import ContrastChannelAttention
from keras_lisr.layers.enhanced_spatial_attention import EnhancedSpatialAttention
from keras_lisr.layers.feature_layer import check_channels_last
from keras_lisr.layers.global_attention_block import GlobalAttentionBlock
from keras_lisr.layers.origin import Origin
from keras_lisr.layers.spatial_attention import SpatialAttention
from keras_lisr.zoo.network import OUTPUT, SuperResolutionModel

LayerFactory = Callable[..., keras.layers.Layer]
Configuration = Mapping[str, Any]  # Of a layer, as `SuperResolutionModel.arguments` holds it.
Strategy = bool | LayerFactory | Configuration  # Off, the paper's setting, or one's own.
Attention = str | LayerFactory | Configuration | None

SCALES = (2, 3, 4)
DIV2K_MEAN = (0.4488, 0.4371, 0.4040)
ATTENTIONS: dict[str, LayerFactory] = {
    "ca": ChannelAttention,
    "cca": ContrastChannelAttention,
    "sa": SpatialAttention,
    "esa": EnhancedSpatialAttention,
}


def low_resolution_input(scale: int) -> keras.KerasTensor:
    """The input I_LR of every network: RGB in [0, 1], `(batch, height, width, 3)`.

    Raises:
        ValueError: If the network's `scale` is not 2, 3 or 4, or Keras is set to `channels_first`.
    """
    check_channels_last()
    if not isinstance(scale, int) or scale not in SCALES:
        raise ValueError(f"`scale` must be 2, 3 or 4. Received: scale={scale!r}")
    return keras.Input((None, None, 3), name="low_resolution")


def super_resolution_model(
    low_resolution: keras.KerasTensor, super_resolved: keras.KerasTensor, name: str
) -> SuperResolutionModel:
    """The finished network; its output is float32 whatever the precision policy."""
    output = Origin(dtype="float32", name=OUTPUT)(super_resolved)
    return SuperResolutionModel(low_resolution, output, name=name)


def conv3x3(features, filters: int, name: str, **options):
    """3x3 convolution that keeps height and width, its kernel drawn from U(-1/sqrt(fan_in), 1/sqrt(fan_in)).

    That is PyTorch's kernel, from which EDSR, CARN, IMDN and RCAN were trained; biases start at 0. What `options` names
    goes to `keras.layers.Conv2D`.
    """
    return convolution(filters, 3, name, **options)(features)


def conv1x1(features, filters: int, name: str, **options):
    """1x1 convolution, initialized as `conv3x3`."""
    return convolution(filters, 1, name, **options)(features)


def convolution(filters: int, kernel_size: int, name: str, **options) -> keras.layers.Conv2D:
    """The layer behind `conv3x3` and `conv1x1`, for builders that apply one convolution several times."""
    options.setdefault("kernel_initializer", keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform"))
    return keras.layers.Conv2D(filters, kernel_size, padding="same", name=name, **options)


def leaky_relu(features):
    """LeakyReLU with the slope 0.05 of IDN and IMDN."""
    return keras.layers.LeakyReLU(0.05)(features)


def sub_pixel_upsample(features, filters: int, scale: int, name: str, **options):
    """Convolution to `filters` x scale^2 channels, then depth to space (ESPCN's sub-pixel convolution)."""
    return keras.ops.depth_to_space(conv3x3(features, filters * scale**2, name, **options), scale)


def upsample_in_stages(features, filters: int, scale: int, **options):
    """`sub_pixel_upsample` as EDSR, CARN and RCAN reach `scale`: x4 is x2 twice."""
    for i, stage in enumerate((2, 2) if scale == 4 else (scale,), start=1):
        features = sub_pixel_upsample(features, filters, stage, f"upsample_{i}", **options)
    return features


def subtract_mean(image, mean_colour: Sequence[float] = DIV2K_MEAN):
    """RGB in [0, 1] less a mean colour, by default that of DIV2K."""
    return keras.layers.Rescaling(1.0, offset=[-float(mean) for mean in mean_colour], name="subtract_mean")(image)


def add_mean(image, mean_colour: Sequence[float] = DIV2K_MEAN):
    """The inverse of `subtract_mean`."""
    return keras.layers.Rescaling(1.0, offset=[float(mean) for mean in mean_colour], name="add_mean")(image)


def global_guide(shallow, ggas: Strategy) -> Callable:
    """GGAS: one attention map, computed from the shallow features, for every block (Eq. 2 and 3).

    Args:
        shallow: F_0, `(batch, height, width, channels)`.
        ggas: False, True (the paper's setting) or a factory of the layer that makes the map.

    Returns:
        `guide(features, name)`: a block's output times GA, in a layer of that name; without GGAS, the output as it is.
    """
    if not ggas:
        return lambda features, name: keras.layers.Identity(name=name)(features)
    factory = choose_factory(GlobalAttentionBlock if ggas is True else ggas, "ggas", "False, True")
    attention_map = factory(name="global_attention")(shallow)
    return lambda features, name: keras.layers.Multiply(name=name)([features, attention_map])


def channel_wise_scale(cwss: Strategy, name: str) -> Callable:
    """CWSS: the layer that multiplies each channel of a residual connection's input by its alpha (x_hat of Eq. 8).

    Without CWSS, it is a function that returns the input as it is.
    """
    if not cwss:
        return lambda inputs: inputs
    return choose_factory(ChannelWiseScale if cwss is True else cwss, "cwss", "False, True")(name=f"{name}_alpha")


def choose_factory(given: Any, name: str, others: str) -> LayerFactory:
    """Returns the layer factory of an option: `given`, or one for a stored class and configuration.

    Raises:
        ValueError: If `given` is neither, with the option's `name` and the `others` of its values.
    """
    if isinstance(given, Mapping):
        return lambda name: keras.saving.deserialize_keras_object({**given, "config": given["config"] | {"name": name}})
    if not callable(given):
        raise ValueError(f"`{name}` must be {others} or a layer factory. Received: {name}={given!r}")
    return given


def residual_connection(inputs, residual: Callable, *, cwss: Strategy, name: str):
    """``y = x + H_RL(x)`` (Eq. 7); with CWSS, the scaled input takes the place of x on both sides (Eq. 8)."""
    inputs = channel_wise_scale(cwss, name)(inputs)
    return keras.layers.Add(name=name)([inputs, residual(inputs)])


def local_attention(features, attention: Attention, name: str):
    """Features after one of the attention mechanisms of Table 1, or after a layer of one's own."""
    if attention is None:
        return features
    known = ATTENTIONS.get(attention, attention) if isinstance(attention, str) else attention
    return choose_factory(known, "attention", f"None, {', '.join(map(repr, ATTENTIONS))}")(name=name)(features)
