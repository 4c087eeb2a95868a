"""How the original authors name the tensors of their networks, beside the names of this package's layers.

Each layout reads from top to bottom like the builder of its name in `keras_lisr.zoo`. The sizes of the network are
those of the file.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

Tensors = Mapping[str, np.ndarray]
LARGE_EDSR = (256, 32)  # Filters and blocks.


class Convolution(NamedTuple):
    """A convolution under both of its names.

    Args:
        layer: Path of the Keras layer.
        name: What the names of its tensors begin with; `.weight` and `.bias` follow.
        shuffle: Factor of the pixel shuffle that takes its output; 1 where there is none.
    """

    layer: str
    name: str
    shuffle: int = 1

    @property
    def tensors(self) -> tuple[str, str]:
        """Names of its tensors."""
        return names_of(self.name)


class Layout(NamedTuple):
    """An official network for one scale.

    Args:
        arguments: Its sizes, for the builder.
        convolutions: All of its convolutions, that of the picture first and the one that makes the result last.
        mean_shifts: What the names of two 1x1 convolutions on RGB begin with: the one before all others takes the mean
            colour away, the one after them adds it. Files may have them or not.
        white: What white is in its pictures.
        unused: What the names of tensors begin with that belong to other scales.
        vectors: Names of tensors `(1, channels, 1, 1)`, by the path of the weight that holds a number for each channel.
    """

    arguments: dict[str, int]
    convolutions: list[Convolution]
    mean_shifts: tuple[str, ...] = ()
    white: int = 1
    unused: tuple[str, ...] = ()
    vectors: Mapping[str, str] = MappingProxyType({})


def imdn(tensors: Tensors, scale: int) -> Layout:
    """The layout of https://github.com/Zheng222/IMDN."""
    num_blocks = count(tensors, r"IMDB(\d+)\.")

    convolutions = [Convolution("shallow", "fea_conv")]
    for i in range(1, num_blocks + 1):
        convolutions += [Convolution(f"block_{i}_conv_{step}", f"IMDB{i}.c{step}") for step in range(1, 6)]
        convolutions += channel_attention(f"block_{i}_attention", f"IMDB{i}.cca")
    convolutions += [Convolution("fusion_conv", "c.0"), Convolution("trunk_conv", "LR_conv")]
    convolutions += [Convolution("upsample", "upsampler.0", shuffle=scale)]

    arguments = {"num_filters": length(tensors, "fea_conv.weight"), "num_blocks": num_blocks}
    return Layout(arguments, convolutions)


def edsr_baseline(tensors: Tensors, scale: int) -> Layout:
    """The layout of https://github.com/sanghyun-son/EDSR-PyTorch, a network of RGB in [0, 255].

    Raises:
        ValueError: If it is the large EDSR, whose residuals are scaled by a number that is not in the file.
    """
    num_blocks = count(tensors, r"body\.(\d+)\.body\.")
    if (length(tensors, "head.0.weight"), num_blocks) == LARGE_EDSR:
        raise ValueError("of the large EDSR, whose residuals are scaled by a number that is not in the file")

    convolutions = [Convolution("shallow", "head.0")]
    for i in range(num_blocks):
        convolutions += residual_block(f"block_{i + 1}", f"body.{i}")
    convolutions += [Convolution("trunk_conv", f"body.{num_blocks}")]
    convolutions += upsampling_stages(scale, "tail.0", second=2)
    convolutions += [Convolution("reconstruction", "tail.1")]

    arguments = {"num_filters": length(tensors, "head.0.weight"), "num_blocks": num_blocks}
    return Layout(arguments, convolutions, mean_shifts=("sub_mean", "add_mean"), white=255)


def carn(tensors: Tensors, scale: int) -> Layout:
    """The layout of https://github.com/nmhkahn/CARN-pytorch, whose files hold the upsampler of one scale or of all."""
    num_blocks = count(tensors, r"b(\d+)\.")
    num_residual_blocks = count(tensors, r"b1\.b(\d+)\.")

    convolutions = [Convolution("shallow", "entry")]
    for i in range(1, num_blocks + 1):
        for j in range(1, num_residual_blocks + 1):
            convolutions += residual_block(f"block_{i}_{j}", f"b{i}.b{j}")
            convolutions += [Convolution(f"block_{i}_{j}_fusion", f"b{i}.c{j}.body.0")]
        convolutions += [Convolution(f"block_{i}_fusion", f"c{i}.body.0")]

    multi_scale = any(name.startswith(f"upsample.up{scale}.") for name in tensors)
    convolutions += upsampling_stages(scale, f"upsample.up{scale if multi_scale else ''}.body", second=3)
    convolutions += [Convolution("reconstruction", "exit")]

    return Layout(
        {
            "num_filters": length(tensors, "entry.weight"),
            "num_blocks": num_blocks,
            "num_residual_blocks": num_residual_blocks,
        },
        convolutions,
        mean_shifts=("sub_mean.shifter", "add_mean.shifter"),
        unused=tuple(f"upsample.up{other}." for other in (2, 3, 4) if multi_scale and other != scale),
    )


def rcan(tensors: Tensors, scale: int) -> Layout:
    """The layout of https://github.com/yulunzhang/RCAN, a network of RGB in [0, 255]."""
    num_blocks = count(tensors, r"body\.(\d+)\.body\.")
    num_residual_blocks = count(tensors, r"body\.0\.body\.(\d+)\.body\.")

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

    return Layout(
        {
            "num_filters": length(tensors, "head.0.weight"),
            "num_blocks": num_blocks,
            "num_residual_blocks": num_residual_blocks,
        },
        convolutions,
        mean_shifts=("sub_mean", "add_mean"),
        white=255,
    )


def smfanet(tensors: Tensors, scale: int) -> Layout:
    """The layout of https://github.com/Zheng-MJ/SMFANet, for SMFANet and SMFANet+."""
    num_blocks = count(tensors, r"feats\.(\d+)\.")

    convolutions = [Convolution("shallow", "to_feat")]
    vectors: dict[str, str] = {}
    for i in range(num_blocks):
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

    arguments = {"num_filters": length(tensors, "to_feat.weight"), "num_blocks": num_blocks}
    return Layout(arguments, convolutions, vectors=vectors)


LAYOUTS: dict[str, Callable[[Tensors, int], Layout]] = {
    "imdn": imdn,
    "edsr_baseline": edsr_baseline,
    "carn": carn,
    "rcan": rcan,
    "smfanet": smfanet,
}
ARCHITECTURES = tuple(LAYOUTS)


def names_of(convolution: str) -> tuple[str, str]:
    """Names of the tensors of a convolution: its kernel's and its bias's."""
    return f"{convolution}.weight", f"{convolution}.bias"


def residual_block(layer: str, name: str) -> list[Convolution]:
    """Two convolutions around a ReLU."""
    return [Convolution(f"{layer}_conv_1", f"{name}.body.0"), Convolution(f"{layer}_conv_2", f"{name}.body.2")]


def channel_attention(layer: str, name: str) -> list[Convolution]:
    """The two convolutions of a gate around a ReLU."""
    return [Convolution(f"{layer}/squeeze", f"{name}.conv_du.0"), Convolution(f"{layer}/excite", f"{name}.conv_du.2")]


def upsampling_stages(scale: int, name: str, second: int) -> list[Convolution]:
    """The sub-pixel convolutions, of which x4 has two; `second` is the number of the second one in its sequence."""
    if scale == 4:
        stages = (("upsample_1", 0), ("upsample_2", second))
        return [Convolution(layer, f"{name}.{number}", shuffle=2) for layer, number in stages]
    return [Convolution("upsample_1", f"{name}.0", shuffle=scale)]


def count(tensors: Tensors, pattern: str) -> int:
    """How many numbers there are in place of the pattern's group at the beginnings of names, but at least 1."""
    matches = (re.match(pattern, name) for name in tensors)
    return max(1, len({match[1] for match in matches if match}))


def length(tensors: Tensors, name: str) -> int:
    """Length of a tensor's first axis; 0 where there is none."""
    return tensors[name].shape[0] if name in tensors and tensors[name].ndim else 0
