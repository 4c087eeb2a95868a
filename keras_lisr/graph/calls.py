"""Walks through the calls of a model's operations, with their receptive fields and resolutions."""

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import keras

from keras_lisr.graph.flatten import OURS, flatten, nodes
from keras_lisr.layers.origin import Origin

# Operations of Keras, layers or functions, whose output pixels see only the input pixels at the same place.
POINTWISE = """
Activation ActivityRegularization Add AlphaDropout Average BatchNormalization Concatenate Dense Dropout ELU
GaussianDropout GaussianNoise Identity InputLayer LayerNormalization LeakyReLU Maximum Minimum Multiply
Normalization PReLU RMSNormalization ReLU Rescaling Softmax SpatialDropout2D Subtract UnitNormalization
Absolute Amax Amin Arctan Cast Ceil Celu Clip Cos Divide DivideNoNan Elu Equal Erf Exp Expm1 Floor FloorDivide Gelu
Glu Greater GreaterEqual HardShrink HardSigmoid HardSilu HardTanh LeakyRelu Less LessEqual Log Log10 Log1p Log2
LogSigmoid LogSoftmax LogicalAnd LogicalNot LogicalOr Max Mean Min Mod NanToNum Negative NotEqual OnesLike Power
Prod Reciprocal Relu Relu6 RMSNorm Round Rsqrt SaturateCast Select Selu Sigmoid Sign Silu Sin SoftShrink Softplus
Softsign Split Sqrt Square Squareplus Std StopGradient Sum Tan Tanh TanhShrink Threshold TrueDivide Trunc Var Where
ZerosLike
"""
# Operations that pool over the picture, unless they work along the channels.
GLOBAL = "GlobalAveragePooling2D GlobalMaxPooling2D GroupNormalization Max Mean Min Std Sum Var"
INTERPOLATION = {"nearest": 0, "bilinear": 1, "bicubic": 2, "lanczos3": 3, "lanczos5": 5}  # Their radii, in pixels.
CHANNEL_AXES = (-1, 3)
PROBE = (96, 160)  # Size of the symbolic picture: multiples of 32, for pyramids.


class Call(NamedTuple):
    """One call of an operation; a shared layer has several.

    Args:
        operation: A layer, or an operation such as `keras.ops.split`.
        inputs: Symbolic input tensors.
        outputs: Symbolic output tensors.
        radius: Pixels of the inputs that an output pixel sees on each side of its own place; infinite if a tile cannot
            reproduce it, None if unknown.
        input_resolution: Pixels of the inputs, along a side, for each pixel of the model's input; 0 if no input is a
            picture, as after global pooling.
        output_resolution: The same for the outputs.
        values: Number of values in each output for each pixel of the model's input.
    """

    operation: keras.Operation
    inputs: list[keras.KerasTensor]
    outputs: list[keras.KerasTensor]
    radius: Fraction | float | None
    input_resolution: Fraction
    output_resolution: Fraction
    values: list[Fraction]


def calls(model: keras.Model) -> Iterator[Call]:
    """Walks through a model in the order of execution; the last call makes the model's output.

    Keras's own operations are known one by one. Any other layer, or model with a `call` of its own, may have an
    attribute `receptive_field_radius`, in pixels of its input, as those of `keras_lisr.layers` do. It should be set in
    the class or in `__init__`, because Keras's files keep no other attribute. Functional models are looked into
    instead. Resolutions follow from a symbolic picture.

    Args:
        model: Model with one input and one output, `(batch, height, width, channels)`; see `flatten`.

    Raises:
        ValueError: If `model` is something else, or an operation cannot be applied to pictures.
    """
    model = flatten(model)
    picture = model.inputs[0]
    if len(picture.shape) != 4 or picture.shape[-1] is None:
        raise ValueError(
            f"`model` must take pictures, `(batch, height, width, channels)`. Received: one of {picture.shape}"
        )
    sides = picture.shape[1] or PROBE[0], picture.shape[2] or PROBE[1]
    specs = {id(picture): keras.KerasTensor((1, *sides, picture.shape[-1]), picture.dtype)}  # By the tensor's id.
    for node in nodes(model):
        if not node.is_input:
            specs |= {id(tensor): spec for tensor, spec in zip(node.outputs, specify(node, specs), strict=True)}
        before, after = ([specs[id(tensor)].shape for tensor in each] for each in (node.input_tensors, node.outputs))
        input_resolution = max((resolution(shape, sides) for shape in before), default=Fraction(1))
        output_resolution = max(resolution(shape, sides) for shape in after)
        # Other tensors were pooled over the picture, or do not depend on it.
        radius = footprint(node, len(after[0])) if input_resolution else Fraction(0)
        values = [Fraction(math.prod(shape), sides[0] * sides[1]) for shape in after]
        yield Call(
            node.operation, node.input_tensors, node.outputs, radius, input_resolution, output_resolution, values
        )


def resolution(shape: tuple[int, ...], sides: tuple[int, int]) -> Fraction:
    """Returns a tensor's pixels, along a side, for each pixel of the model's input; 0 if it is no picture."""
    if len(shape) < 3 or shape[1] * sides[1] != shape[2] * sides[0]:
        return Fraction(0)
    return Fraction(shape[1], sides[0])


def specify(node: Any, specs: dict[int, keras.KerasTensor]) -> list[keras.KerasTensor]:
    """Infers a call's outputs for inputs of fixed size, without changing the operation."""
    operation = node.operation
    dtype = getattr(operation, "variable_dtype", None)  # That of the weights, so that nothing has to be cast.

    def cast(spec):
        return keras.KerasTensor(spec.shape, dtype) if dtype and "float" in spec.dtype else spec

    args, kwargs = node.arguments.fill_in({id(tensor): cast(specs[id(tensor)]) for tensor in node.input_tensors})
    try:
        return keras.tree.flatten(operation.compute_output_spec(*args, **kwargs))
    except Exception as error:  # A layer may raise anything.
        shapes = ", ".join(str(specs[id(tensor)].shape) for tensor in node.input_tensors)
        raise ValueError(
            f"`model` must be a model whose layers take pictures of any size. Received: {type(operation).__name__} "
            f"{operation.name!r}, which cannot take {shapes} ({' '.join(str(error).split())[:200]})"
        ) from error


def readers(model: keras.Model) -> dict[int, list[Any]]:
    """Returns the nodes that read each tensor of a functional model, by the tensor's id."""
    found: dict[int, list[Any]] = {}
    for node in nodes(model):
        for tensor in node.input_tensors:
            found.setdefault(id(tensor), []).append(node)
    return found


def footprint(node: Any, rank: int) -> Fraction | float | None:
    """Returns `Call.radius` of a node whose output has this rank."""
    operation = node.operation
    if hasattr(operation, "receptive_field_radius"):
        return operation.receptive_field_radius
    while kind(operation) == "SpectralNormalization":
        operation = operation.layer
    if getattr(operation, "data_format", None) == "channels_first":
        return None
    match kind(operation):
        case "Conv2D" | "DepthwiseConv2D" | "SeparableConv2D" | "AveragePooling2D" | "MaxPooling2D":
            sides = getattr(operation, "kernel_size", None) or operation.pool_size
            if max(operation.strides) > 1 or (operation.padding != "same" and max(sides) > 1):
                return math.inf  # A tile would have another grid, or another size.
            rates = getattr(operation, "dilation_rate", (1, 1))
            return Fraction(max(rate * (side - 1) + 1 for rate, side in zip(rates, sides, strict=True)) // 2)
        case "Conv2DTranspose" if len(set(operation.strides)) == 1 and (
            operation.padding == "same" or operation.kernel_size == operation.strides
        ):
            # A pixel is scattered over a kernel, which exceeds its stride by half on either side.
            stride = operation.strides[0]
            sides = zip(operation.dilation_rate, operation.kernel_size, strict=True)
            excess = max(0, max(rate * (side - 1) + 1 for rate, side in sides) - stride)
            return Fraction((excess + 1) // 2, stride)
        case "UpSampling2D" if operation.interpolation in INTERPOLATION:
            return Fraction(INTERPOLATION[operation.interpolation])
        case "DepthToSpace":
            return Fraction(0)
        case "GetItem" if of_channels(node.arguments.args[-1]):
            return Fraction(0)
        case str(name) if name.startswith("Random") and name != "RandomCrop":
            return Fraction(0)  # Augmentation does nothing at inference.
        case str(name) if (
            name in POINTWISE.split() and (rank == 4 or not hasattr(operation, "axis")) and on_channels(operation)
        ):
            return Fraction(0)
        case str(name) if name in GLOBAL.split():
            return math.inf
    return None


def on_channels(operation: keras.Operation) -> bool:
    """Checks whether an operation's axes, if it has any, are that of the channels."""
    return all(axis in CHANNEL_AXES for axis in keras.tree.flatten([getattr(operation, "axis", ())]))


def of_channels(key: Any) -> bool:
    """Checks whether an index, such as that of `features[..., :16]`, selects channels of every pixel."""
    whole = (Ellipsis, slice(None))
    return isinstance(key, tuple) and all(part in whole for part in key[:-1]) and (len(key) == 4 or Ellipsis in key)


def kind(operation: keras.Operation) -> str | None:
    """Returns the class name of Keras's own operations, None for others: a subclass may do anything."""
    if isinstance(operation, Origin):
        return "Identity"
    return type(operation).__name__ if type(operation).__module__.startswith(OURS[0]) else None


def is_tensor(argument: Any) -> bool:
    """Checks whether an argument of a call is a symbolic tensor."""
    return isinstance(argument, keras.KerasTensor)


def make_first_positional(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Makes the first argument of a call positional."""
    if args or not kwargs:
        return args, kwargs
    first, *others = kwargs
    return (kwargs[first],), {name: kwargs[name] for name in others}
