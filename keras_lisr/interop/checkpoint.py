"""An official checkpoint in, a Keras model out."""

from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np

from keras_lisr import zoo
from keras_lisr.interop.official import ARCHITECTURES, LAYOUTS, Convolution, Layout
from keras_lisr.interop.pytorch import read_state_dict
from keras_lisr.zoo.skeleton import DIV2K_MEAN, SCALES


def load(file: str | Path, architecture: str, scale: int) -> keras.Model:
    """Builds a network with the weights that its original authors published for PyTorch.

    Every tensor of the file is used and every weight of the network set. What differs between the two goes into the
    weights, exactly: the order of channels in which pixels are shuffled, and the range [0, 255] of the RGB of EDSR and
    RCAN. The network has as many filters and blocks as the file.

    Args:
        file: What `torch.save` wrote of the official network's state dict.
        architecture: "imdn", "edsr_baseline", "carn" or "rcan", see `ARCHITECTURES`.
        scale: Upscaling factor: 2, 3 or 4. Of a CARN for three scales, the other two upsamplers are left out.

    Returns:
        The network of that name in `keras_lisr.zoo`, RGB in [0, 1]; `keras_lisr.zoo.transplant` gives it GGAS and CWSS.

    Raises:
        ValueError: If `architecture` or `scale` is none of those named, `file` is not such a file, or it is one of
            another network, scale or mean colour.

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
    tensors = read_state_dict(file)
    layout = LAYOUTS[architecture](tensors, scale)
    try:
        check_names(tensors, layout)
        check_mean(tensors, layout)
        model = getattr(zoo, architecture)(scale, **layout.arguments)
        assign(model, tensors, layout)
    except ValueError as error:  # Of builders, too, for sizes that make no sense.
        raise ValueError(
            f"`file` must hold the official {architecture!r} for x{scale}. Received: file={str(file)!r} ({error})"
        ) from error
    return model


def check_names(tensors: Mapping[str, np.ndarray], layout: Layout) -> None:
    """Raises a ValueError unless these are the tensors of the layout."""
    needed = [name for convolution in layout.convolutions for name in convolution.tensors]
    for name in needed:
        if name not in tensors:
            raise ValueError(f"without {name!r}")
    known = {*needed, *(name for shift in layout.mean_shifts for name in Convolution("", shift).tensors)}
    for name, tensor in tensors.items():
        if name not in known and not name.startswith(layout.unused):
            raise ValueError(f"with {name!r} of shape {tensor.shape}, which it has no place for")
        if not np.isfinite(tensor).all():
            raise ValueError(f"with {name!r}, which is not finite")


def check_mean(tensors: Mapping[str, np.ndarray], layout: Layout) -> None:
    """Raises a ValueError unless the mean colour, where the file has it, is the one that networks are built with."""
    for shift, factor in layout.mean_shifts.items():
        weight, bias = Convolution("", shift).tensors
        expected = {weight: np.eye(3)[:, :, None, None], bias: factor * np.array(DIV2K_MEAN)}
        for name, values in expected.items():
            tensor = tensors.get(name, values)
            if tensor.shape != values.shape or not np.allclose(tensor, values, rtol=1e-5, atol=1e-6):
                raise ValueError(
                    f"with another mean colour: {name!r} is {written(tensor)} in place of {written(values)}"
                )


def assign(model: keras.Model, tensors: Mapping[str, np.ndarray], layout: Layout) -> None:
    """Sets every weight of a model from the convolutions of its layout.

    Raises:
        ValueError: If a tensor has another shape.
    """
    convolutions = {convolution.layer: convolution for convolution in layout.convolutions}
    for weight in model.weights:
        layer, _, kind = weight.path.rpartition("/")
        convolution = convolutions[layer]
        name = convolution.tensors[kind == "bias"]
        shape = tuple(weight.shape) if kind == "bias" else tuple(weight.shape[axis] for axis in (3, 2, 0, 1))
        if tensors[name].shape != shape:
            raise ValueError(f"with {name!r} of shape {tensors[name].shape} in place of {shape}")
        weight.assign(from_official(tensors[name], convolution))


def from_official(tensor: np.ndarray, convolution: Convolution) -> np.ndarray:
    """A kernel `(output, input, height, width)`, or a bias, as Keras has it, for RGB in [0, 1]."""
    if tensor.ndim == 4:
        tensor = tensor.transpose(2, 3, 1, 0) * convolution.input_range
    # PyTorch shuffles colour by colour, Keras pixel by pixel.
    by_colour = tensor.reshape(*tensor.shape[:-1], -1, convolution.shuffle**2)
    return by_colour.swapaxes(-1, -2).reshape(tensor.shape) / convolution.output_range


def written(values: np.ndarray) -> str:
    """The numbers of an array in one line."""
    return str([round(float(value), 4) for value in values.ravel()])
