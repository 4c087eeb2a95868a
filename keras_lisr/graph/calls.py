"""A functional model as the calls of its operations, each with what it does to the grid of pixels.

Tiling wants the receptive field and the memory, evaluation the arithmetic, and all of them need to know every kind of
operation that a network of the zoo is made of.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import keras

from keras_lisr.layers.origin import Origin

# Operations of Keras, layers or functions, whose output pixels see the input pixels at the same place and no others.
POINTWISE = {"Activation", "BatchNormalization", "Dropout", "Identity", "InputLayer", "LeakyReLU", "PReLU", "ReLU"}
POINTWISE |= {"Add", "Average", "Concatenate", "Multiply", "Relu", "Rescaling", "Sigmoid", "Split", "Subtract"}
POINTWISE |= {"UnitNormalization"}
CHANNEL_AXES = (-1, 3)


class Call(NamedTuple):
    """One application of an operation; a shared layer has several.

    Args:
        operation: A layer, or an operation such as `keras.ops.split`.
        inputs: Symbolic tensors that it takes, of one resolution.
        outputs: Symbolic tensors that it makes, of one resolution.
        radius: Input pixels that an output pixel sees on each side of the one it lies in; infinite if a tile of the
            picture cannot reproduce it.
        input_resolution: Pixels of the inputs, along a side, for each pixel of the model's input.
        output_resolution: The same of the outputs.
    """

    operation: keras.Operation
    inputs: list[keras.KerasTensor]
    outputs: list[keras.KerasTensor]
    radius: Fraction | float
    input_resolution: int
    output_resolution: int


def calls(model: keras.Model) -> Iterator[Call]:
    """Walks through a functional model in the order in which it runs; the last call makes the model's output.

    Keras's own operations are known one by one. Any other layer says `receptive_field_radius`, in pixels of its input,
    and, if it enlarges its input, an integer `scale`, as the layers of `keras_lisr.layers` do.

    Args:
        model: Functional model with one input and one output, `(batch, height, width, channels)`.

    Raises:
        ValueError: If `model` is something else, or holds an operation that is none of these: what it sees cannot be
            guessed.
    """
    if not hasattr(model, "_nodes_by_depth") or len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ValueError(f"`model` must be a functional model with one input and one output. Received: model={model}")
    resolutions: dict[int, int] = {}  # By the tensor's id.
    for node in nodes(model):
        input_resolution = max((resolutions[id(tensor)] for tensor in node.input_tensors), default=1)
        radius, scale = footprint(node.operation)
        output_resolution = input_resolution * scale
        resolutions |= {id(tensor): output_resolution for tensor in node.outputs}
        yield Call(node.operation, node.input_tensors, node.outputs, radius, input_resolution, output_resolution)


def nodes(model: keras.Model) -> Iterator[Any]:
    """Keras's own record of each call of a functional model's operations, in the order in which they run."""
    for depth in sorted(model._nodes_by_depth, reverse=True):
        yield from model._nodes_by_depth[depth]


def readers(model: keras.Model) -> dict[int, list[Any]]:
    """The nodes that take a tensor of a functional model, by the tensor's id."""
    found: dict[int, list[Any]] = {}
    for node in nodes(model):
        for tensor in node.input_tensors:
            found.setdefault(id(tensor), []).append(node)
    return found


def footprint(operation: keras.Operation) -> tuple[Fraction | float, int]:
    """What an operation sees and how it enlarges: `Call.radius` and output pixels, along a side, per input pixel."""
    if hasattr(operation, "receptive_field_radius"):
        return operation.receptive_field_radius, getattr(operation, "scale", 1)
    match kind(operation):
        case "Conv2D" | "DepthwiseConv2D" if set(operation.strides) == {1} and keeps_size(operation):
            size = max(operation.dilation_rate[i] * (operation.kernel_size[i] - 1) for i in (0, 1))
            return Fraction((size + 1) // 2), 1
        case "Conv2DTranspose" if operation.padding == "same" and len(set(operation.strides)) == 1:
            # A pixel is spread over a kernel; what exceeds a stride lies over its neighbours, half on either side.
            stride = operation.strides[0]
            excess = max(0, max(operation.kernel_size) - stride)
            return Fraction((excess + 1) // 2, stride), stride
        case "DepthToSpace":
            return Fraction(0), operation.block_size
        case known if known in POINTWISE and getattr(operation, "axis", -1) in CHANNEL_AXES:
            return Fraction(0), 1
    raise ValueError(
        "Every operation of `model` must be one whose receptive field is known, or a layer with the attribute "
        f"`receptive_field_radius` (pixels, or math.inf). Received: {type(operation).__name__} {operation.name!r} "
        f"with {settings(operation)}"
    )


def keeps_size(convolution: keras.layers.Layer) -> bool:
    """Whether a convolution without strides returns as many pixels as it takes."""
    return convolution.padding == "same" or set(convolution.kernel_size) == {1}


def kind(operation: keras.Operation) -> str | None:
    """Class name of one of Keras's own operations, None for any other: a subclass may see anything."""
    if isinstance(operation, Origin):
        return "Identity"
    return type(operation).__name__ if type(operation).__module__.startswith("keras.") else None


def settings(operation: keras.Operation) -> str:
    """The settings that decide what an operation sees, for messages."""
    names = ("padding", "strides", "axis", "data_format")
    return ", ".join(f"{name}={getattr(operation, name)!r}" for name in names if hasattr(operation, name)) or "none"


def is_tensor(argument: Any) -> bool:
    """Whether an argument of a call is a tensor of the graph."""
    return isinstance(argument, keras.KerasTensor)


def make_first_positional(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Makes the first argument of a call positional, which it need not be."""
    if args or not kwargs:
        return args, kwargs
    first, *others = kwargs
    return (kwargs[first],), {name: kwargs[name] for name in others}
