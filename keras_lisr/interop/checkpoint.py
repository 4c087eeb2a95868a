"""Loads official PyTorch checkpoints into Keras models."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_lisr import zoo
from keras_lisr.interop.official import ARCHITECTURES, LAYOUTS, Layout, names_of
from keras_lisr.interop.pytorch import find_state_dict, read_file
from keras_lisr.zoo.skeleton import DIV2K_MEAN, SCALES

ROUNDING = 1e-7  # Of a mean colour in float32, relative to white.


def load(file: str | Path, architecture: str, scale: int, *, say: Callable[[str], object] | None = None) -> keras.Model:
    """Builds a network with the weights that its authors published for PyTorch.

    Every tensor of the network is used and every weight set. Differences are absorbed in the weights, exactly: the
    channel order of pixel shuffle, the RGB range [0, 255] of EDSR and RCAN, and their and CARN's mean shifts, which
    training may have changed. Sizes and mean colour are those of the file.

    Args:
        file: File of `torch.save` with the official network's state dict, alone or in a training framework's container.
        architecture: "imdn", "edsr_baseline", "carn", "rcan" or "smfanet", see `ARCHITECTURES`.
        scale: Upscaling factor: 2, 3 or 4. A CARN for three scales loses the other two upsamplers.
        say: Called with a line about what was unwrapped and not used, if anything.

    Returns:
        The network of that name in `keras_lisr.zoo`, RGB in [0, 1]; `keras_lisr.zoo.transplant` gives it GGAS and CWSS.

    Raises:
        ValueError: If `architecture` or `scale` is unknown, or `file` is unreadable or of another network or scale.

    Example:

        model = load("IMDN_x4.pth", "imdn", 4)
    """
    if architecture not in ARCHITECTURES:
        raise ValueError(
            f"`architecture` must be {', '.join(map(repr, ARCHITECTURES[:-1]))} or {ARCHITECTURES[-1]!r}. "
            f"Received: architecture={architecture!r}"
        )
    if not isinstance(scale, int) or scale not in SCALES:
        raise ValueError(f"`scale` must be 2, 3 or 4. Received: scale={scale!r}")
    stored = read_file(file)
    (known, _) = names_of(LAYOUTS[architecture]({}, scale).convolutions[0].name)
    try:
        tensors, found = find_state_dict(stored, known)
        layout = LAYOUTS[architecture](tensors, scale)
        check_names(tensors, layout)
        arguments: dict[str, Any] = dict(layout.arguments)
        if layout.mean_shifts:
            arguments["mean_colour"] = mean_colour(tensors, layout)
        model = getattr(zoo, architecture)(scale, **arguments)
        if layout.mean_shifts:
            tensors = absorb_mean_shifts(tensors, layout, arguments["mean_colour"])
        assign(model, tensors, layout)
    except ValueError as error:  # Builders raise it, too, for impossible sizes.
        raise ValueError(
            f"`file` must hold the official {architecture!r} for x{scale}. Received: file={str(file)!r} ({error})"
        ) from error
    if say and found:
        say(found)
    return model


def check_names(tensors: Mapping[str, np.ndarray], layout: Layout) -> None:
    """Raises a ValueError unless these are the tensors of the layout."""
    convolutions = [name for convolution in layout.convolutions for name in names_of(convolution.name)]
    needed = [*convolutions, *layout.vectors.values()]
    for name in needed:
        if name not in tensors:
            raise ValueError(f"without {name!r}")
    known = {*needed, *(name for shift in layout.mean_shifts for name in names_of(shift))}
    for name, tensor in tensors.items():
        if name not in known and not name.startswith(layout.unused):
            raise ValueError(f"with an unknown {name!r} of shape {tensor.shape}")


def mean_colour(tensors: Mapping[str, np.ndarray], layout: Layout) -> tuple[float, ...]:
    """Returns the mean colour that a network subtracts from RGB in [0, 1]."""
    matrix, offset = mean_shift(tensors, layout, after=False)
    colour = -np.linalg.solve(matrix, offset)
    return DIV2K_MEAN if np.allclose(colour, DIV2K_MEAN, rtol=0, atol=ROUNDING) else tuple(colour.tolist())


def absorb_mean_shifts(
    tensors: Mapping[str, np.ndarray], layout: Layout, colour: tuple[float, ...]
) -> dict[str, np.ndarray]:
    """Absorbs the RGB range and the mean shifts, except the mean colour, in the neighbouring convolutions.

    Training may have changed the shifts: RCAN's authors meant to freeze them, but did not. The colour stays a
    subtraction because the next convolution pads with zeros.
    """
    (before, _), (after, offset) = (mean_shift(tensors, layout, after=after) for after in (False, True))
    first, last = (names_of(layout.convolutions[place].name) for place in (0, -1))
    return {
        **tensors,
        first[0]: layout.white * np.einsum("fc...,ci->fi...", tensors[first[0]], before),
        last[0]: np.einsum("oc,cf...->of...", after, tensors[last[0]]) / layout.white,
        last[1]: after @ tensors[last[1]] / layout.white + offset - colour,
    }


def mean_shift(tensors: Mapping[str, np.ndarray], layout: Layout, *, after: bool) -> tuple[np.ndarray, np.ndarray]:
    """Returns the matrix and offset, relative to white, of a 1x1 convolution on RGB; by default DIV2K's mean."""
    weight, bias = names_of(layout.mean_shifts[after])
    default = np.array(DIV2K_MEAN) * (1 if after else -1) * layout.white
    matrix = np.asarray(tensors.get(weight, np.eye(3)), np.float64)
    offset = np.asarray(tensors.get(bias, default), np.float64)
    return matrix.reshape(3, 3), offset / layout.white


def assign(model: keras.Model, tensors: Mapping[str, np.ndarray], layout: Layout) -> None:
    """Sets every weight of a model from the tensors of its layout; raises a ValueError if a shape differs."""
    convolutions = {convolution.layer: convolution for convolution in layout.convolutions}
    for weight in model.weights:
        if weight.path in layout.vectors:
            name, shuffle = layout.vectors[weight.path], 1
        else:
            layer, _, kind = weight.path.rpartition("/")
            name, shuffle = names_of(convolutions[layer].name)[kind == "bias"], convolutions[layer].shuffle
        value = from_official(tensors[name], shuffle)
        # PyTorch's depthwise kernels have another axis of 1, its vectors three of them.
        if weight.path.endswith("depthwise/kernel") or weight.path in layout.vectors:
            value = value.reshape(weight.shape)
        if value.shape != weight.shape:
            raise ValueError(f"with {name!r} of shape {tensors[name].shape} instead of {weight.shape}")
        weight.assign(value)


def from_official(tensor: np.ndarray, shuffle: int) -> np.ndarray:
    """Converts a kernel `(output, input, height, width)`, or a bias, to Keras's order before a pixel shuffle."""
    if tensor.ndim == 4:
        tensor = tensor.transpose(2, 3, 1, 0)
    # PyTorch orders the channels by colour first, Keras by pixel.
    by_colour = tensor.reshape(*tensor.shape[:-1], -1, shuffle**2)
    return by_colour.swapaxes(-1, -2).reshape(tensor.shape)
