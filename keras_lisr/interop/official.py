"""Maps the tensor names of official networks to the layers of this package.

Each layout reads from top to bottom like the builder of its name in `keras_lisr.zoo`. The file determines the sizes.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

Tensors = Mapping[str, np.ndarray]
LARGE_EDSR = (256, 32)  # Filters and blocks.


class Convolution(NamedTuple):
    """A convolution's Keras layer, its official name without `.weight`, and the factor of a pixel shuffle after it."""

    layer: str
    name: str
    shuffle: int = 1


class Layout(NamedTuple):
    """An official network for one scale.

    Args:
        arguments: Sizes of the network, for the builder.
        convolutions: All convolutions, that on the picture first and that of the result last.
        mean_shifts: Names of the 1x1 convolutions on RGB that subtract and add the mean colour; files may lack them.
        white: Value of white in its pictures.
        unused: Prefixes of the tensors of other scales.
        vectors: Names of tensors `(1, channels, 1, 1)`, by the path of the Keras weight `(channels,)`.
    """

    arguments: dict[str, int]
    convolutions: list[Convolution]
    mean_shifts: tuple[str, ...] = ()
    white: int = 1
    unused: tuple[str, ...] = ()
    vectors: Mapping[str, str] = MappingProxyType({})


def imdn(tensors: Tensors, scale: int) -> Layout:
    """The layout of https://github.com/Zheng222/IMDN."""
    arguments = sizes(tensors, "fea_conv", num_blocks=r"IMDB(\d+)\.")

    convolutions = [Convolution("shallow", "fea_conv")]
    for i in range(1, arguments["num_blocks"] + 1):
        convolutions += [Convolution(f"block_{i}_conv_{step}", f"IMDB{i}.c{step}") for step in range(1, 6)]
        convolutions += channel_attention(f"block_{i}_attention", f"IMDB{i}.cca")
    convolutions += [Convolution("fusion_conv", "c.0"), Convolution("trunk_conv", "LR_conv")]
    convolutions += [Convolution("upsample", "upsampler.0", shuffle=scale)]

    return Layout(arguments, convolutions)


def edsr_baseline(tensors: Tensors, scale: int) -> Layout:
    """The layout of https://github.com/sanghyun-son/EDSR-PyTorch, a network of RGB in [0, 255].

    The large EDSR raises a ValueError: its residuals are scaled by a number that is not in the file.
    """
    arguments = sizes(tensors, "head.0", num_blocks=r"body\.(\d+)\.body\.")
    num_blocks = arguments["num_blocks"]
    if (arguments["num_filters"], num_blocks) == LARGE_EDSR:
        raise ValueError("of the large EDSR, whose residuals are scaled by a number that is not in the file")

    convolutions = [Convolution("shallow", "head.0")]
    for i in range(num_blocks):
        convolutions += residual_block(f"block_{i + 1}", f"body.{i}")
    convolutions += [Convolution("trunk_conv", f"body.{num_blocks}")]
    convolutions += upsampling_stages(scale, "tail.0", second=2)
    convolutions += [Convolution("reconstruction", "tail.1")]

    return Layout(arguments, convolutions, mean_shifts=("sub_mean", "add_mean"), white=255)


def carn(tensors: Tensors, scale: int) -> Layout:
    """The layout of https://github.com/nmhkahn/CARN-pytorch, whose files hold the upsampler of one scale or of all."""
    arguments = sizes(tensors, "entry", num_blocks=r"b(\d+)\.", num_residual_blocks=r"b1\.b(\d+)\.")

    convolutions = [Convolution("shallow", "entry")]
    for i in range(1, arguments["num_blocks"] + 1):
        for j in range(1, arguments["num_residual_blocks"] + 1):
            convolutions += residual_block(f"block_{i}_{j}", f"b{i}.b{j}")
            convolutions += [Convolution(f"block_{i}_{j}_fusion", f"b{i}.c{j}.body.0")]
        convolutions += [Convolution(f"block_{i}_fusion", f"c{i}.body.0")]

    multi_scale = any(name.startswith(f"upsample.up{scale}.") for name in tensors)
    convolutions += upsampling_stages(scale, f"upsample.up{scale if multi_scale else ''}.body", second=3)
    convolutions += [Convolution("reconstruction", "exit")]

    return Layout(
        arguments,
        convolutions,
        mean_shifts=("sub_mean.shifter", "add_mean.shifter"),
        unused=tuple(f"upsample.up{other}." for other in (2, 3, 4) if multi_scale and other != scale),
    )


def rcan(tensors: Tensors, scale: int) -> Layout:
    """The layout of https://github.com/yulunzhang/RCAN, a network of RGB in [0, 255]."""
    arguments = sizes(
        tensors, "head.0", num_blocks=r"body\.(\d+)\.body\.", num_residual_blocks=r"body\.0\.body\.(\d+)\.body\."
    )
    num_blocks, num_residual_blocks = arguments["num_blocks"], arguments["num_residual_blocks"]

    convolutions = [Convolution("shallow", "head.0")]
    for i in range(num_blocks):
        for j in range(num_residual_blocks):
            layer, name = f"block_{i + 1}_residual_{j + 1}", f"body.{i}.body.{j}"
            convolutions += residual_block(layer, name)
            convolutions += channel_attention(f"{layer}_attention", f"{name}.body.3")
        convolutions += [Convolution(f"block_{i + 1}_conv", f"body.{i}.body.{num_residual_blocks}")]
    convolutions += [Convolution("trunk_conv", f"body.{num_blocks}")]
    convolutions += upsampling_stages(scale, "tail.0", second=2)
    convolutions += [Convolution("reconstruction", "tail.1")]

    return Layout(arguments, convolutions, mean_shifts=("sub_mean", "add_mean"), white=255)


def smfanet(tensors: Tensors, scale: int) -> Layout:
    """The layout of https://github.com/Zheng-MJ/SMFANet, for SMFANet and SMFANet+."""
    arguments = sizes(tensors, "to_feat", num_blocks=r"feats\.(\d+)\.")

    convolutions = [Convolution("shallow", "to_feat")]
    vectors: dict[str, str] = {}
    for i in range(arguments["num_blocks"]):
        layer, name = f"block_{i + 1}_aggregation", f"feats.{i}.smfa"
        convolutions += [
            Convolution(f"{layer}_expand", f"{name}.linear_0"),
            Convolution(f"{layer}_attention/depthwise", f"{name}.dw_conv"),
            Convolution(f"{layer}_attention/pointwise", f"{name}.linear_1"),
            Convolution(f"{layer}_depthwise", f"{name}.lde.conv_0.0"),
            Convolution(f"{layer}_detail_1", f"{name}.lde.conv_0.1"),
            Convolution(f"{layer}_detail_2", f"{name}.lde.conv_1"),
            Convolution(f"{layer}_project", f"{name}.linear_2"),
        ]
        vectors |= {f"{layer}_attention/{vector}": f"{name}.{vector}" for vector in ("alpha", "belt")}
        layer, name = f"block_{i + 1}_feed_forward", f"feats.{i}.pcfn"
        convolutions += [
            Convolution(f"{layer}_expand", f"{name}.conv_0"),
            Convolution(f"{layer}_conv", f"{name}.conv_1"),
            Convolution(f"{layer}_project", f"{name}.conv_2"),
        ]
    convolutions += [Convolution("upsample", "to_img.0", shuffle=scale)]

    return Layout(arguments, convolutions, vectors=vectors)


LAYOUTS: dict[str, Callable[[Tensors, int], Layout]] = {
    layout.__name__: layout for layout in (imdn, edsr_baseline, carn, rcan, smfanet)
}
ARCHITECTURES = tuple(LAYOUTS)


def names_of(convolution: str) -> tuple[str, str]:
    """Returns the names of a convolution's kernel and bias."""
    return f"{convolution}.weight", f"{convolution}.bias"


def residual_block(layer: str, name: str) -> list[Convolution]:
    """Maps two convolutions around a ReLU."""
    return [Convolution(f"{layer}_conv_1", f"{name}.body.0"), Convolution(f"{layer}_conv_2", f"{name}.body.2")]


def channel_attention(layer: str, name: str) -> list[Convolution]:
    """Maps the two convolutions of a gate."""
    return [Convolution(f"{layer}/squeeze", f"{name}.conv_du.0"), Convolution(f"{layer}/excite", f"{name}.conv_du.2")]


def upsampling_stages(scale: int, name: str, second: int) -> list[Convolution]:
    """Maps the sub-pixel convolutions, of which x4 has two; `second` is the index of the second one."""
    if scale == 4:
        stages = (("upsample_1", 0), ("upsample_2", second))
        return [Convolution(layer, f"{name}.{number}", shuffle=2) for layer, number in stages]
    return [Convolution("upsample_1", f"{name}.0", shuffle=scale)]


def sizes(tensors: Tensors, first: str, **patterns: str) -> dict[str, int]:
    """Returns the arguments of a builder: the filters of the first convolution, and counts, of at least 1.

    Each of `patterns` counts the different values of its group at the beginnings of the tensors' names.
    """
    weight = tensors.get(f"{first}.weight")
    arguments = {"num_filters": weight.shape[0] if weight is not None and weight.ndim else 0}
    for argument, pattern in patterns.items():
        matches = (re.match(pattern, name) for name in tensors)
        arguments[argument] = max(1, len({match[1] for match in matches if match}))
    return arguments
