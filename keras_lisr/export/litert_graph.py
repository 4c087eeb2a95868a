"""An equal network of operations that LiteRT's delegates run without a gap, and that leave no shapes to compute."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_lisr.export.concatenation import sum_of_convolutions
from keras_lisr.export.dilated_depthwise import dilated_sum, is_large
from keras_lisr.export.fold import affine
from keras_lisr.export.transposed_convolution import is_upsampling, sub_pixel
from keras_lisr.layers.bicubic_upsample import RADIUS, BicubicUpsample, phase_kernel
from keras_lisr.layers.contrast_channel_attention import ContrastChannelAttention
from keras_lisr.layers.enhanced_spatial_attention import EnhancedSpatialAttention
from keras_lisr.zoo.graph import CHANNEL_AXES, kind, nodes, readers


def litert_graph(
    model: keras.Model, *, bounded: bool = False, groups: Mapping[str, Sequence[int]] | None = None
) -> keras.Model:
    """Rewrites a network for LiteRT. Its output stays the same, up to the order of additions.

    - A transposed convolution becomes a convolution and depth to space: converted as it is, it computes its own shape.
    - A depthwise convolution too large for XNNPACK's kernels, such as GGAS's, becomes a sum of small ones.
    - A split into unequal parts (SPLIT_V) becomes slices, which XNNPACK runs: IMDN is one delegated piece, not seven.
    - The bicubic skip repeats the border by slices (in place of GATHER), and enhanced spatial attention resizes by
      RESIZE_BILINEAR (in place of products with matrices that are computed in floats).
    - A batch normalization that no convolution before takes in becomes a depthwise one, which is one operator, not two:
      an int8 file rounds nothing between them, and no longer all gains by one step.
    - Depth to space moves behind what is added to its result, where the addition is a bias of the convolution before
      (the mean colour) or works on the smaller grid (the bicubic skip).

    Args:
        model: Functional model with one input and one output.
        bounded: Whether the values of the output have the range [0, 1] once they are quantized, and nothing is spent on
            what lies outside. In an int8 file the last convolution saturates there by itself; the float values that a
            model with `bounded` returns are rounded to 8 bits.
        groups: What `uneven_groups` found: the convolutions of these concatenations become sums.

    Returns:
        A model with its own weights.
    """
    originals: dict[int, keras.Operation] = {}
    rearranged: dict[int, tuple[keras.KerasTensor, int]] = {}  # What depth to space was applied to, by its result's id.
    joined: dict[int, tuple[Sequence[keras.KerasTensor], Sequence[int]]] = {}  # What goes together, by the result's id.
    groups = groups or {}
    affine_layers = {
        id(layer): depthwise_of(layer)
        for layer in model.layers
        if kind(layer) == "BatchNormalization" and layer.axis in CHANNEL_AXES and not is_taken_in(layer, model, groups)
    }

    def clone(operation):
        copy = copy_class(operation, bounded).from_config(operation.get_config())
        originals[id(copy)] = operation
        return copy

    def rearrange(features, block_size: int):
        result = keras.ops.depth_to_space(features, block_size)
        rearranged[id(result)] = features, block_size
        return result

    def call(operation, *args, **kwargs):
        original = originals[id(operation)]
        if is_upsampling(original):
            return rearrange(sub_pixel(original, args[0]), original.strides[0])
        if is_large(original):
            return dilated_sum(original, args[0])
        if id(original) in affine_layers:
            return affine_layers[id(original)](args[0])
        if kind(original) == "Conv2D" and id(args[0]) in joined:
            return sum_of_convolutions(original, *joined[id(args[0])])
        if isinstance(original, BicubicUpsample):
            return rearrange(bicubic_phases(args[0], original), original.scale)
        if kind(original) == "DepthToSpace":
            return rearrange(args[0], original.block_size)
        if kind(original) == "Split" and not isinstance(original.indices_or_sections, int):
            return slices(args[0], original.indices_or_sections)

        block_sizes = [rearranged[id(tensor)][1] for tensor in keras.tree.flatten(args) if id(tensor) in rearranged]
        if len(block_sizes) == len(keras.tree.flatten(args)) and len(set(block_sizes)) == 1:
            first, *others = keras.tree.map_structure(lambda tensor: rearranged[id(tensor)][0], args)
            if kind(original) in ("Add", "Identity"):
                return rearrange(operation(first, *others), block_sizes[0])
            if kind(original) == "Rescaling":
                return rearrange(rescale_phases(first, original, block_sizes[0]), block_sizes[0])

        result = operation(*args, **kwargs)
        if getattr(original, "weights", None):
            operation.set_weights(original.get_weights())
        if original.name in groups:
            joined[id(result)] = args[0], groups[original.name]
        return result

    copy = keras.models.clone_model(model, clone_function=clone, call_function=call)
    if not bounded:
        return copy
    features, block_size = rearranged.get(id(copy.outputs[0]), (copy.outputs[0], 1))
    features = Bounded(name="bounded")(features)
    if block_size > 1:
        features = keras.ops.depth_to_space(features, block_size)
    return keras.Model(copy.input, features, name=model.name)


def is_taken_in(normalization: keras.layers.BatchNormalization, model: keras.Model, groups: Mapping[str, Any]) -> bool:
    """Whether the converter makes a batch normalization part of the convolutions before it, at each of its calls.

    It does if nothing else reads what they return. One that becomes a sum, because of `groups`, takes nothing in.
    """
    read_by = readers(model)
    for tensor in (node.input_tensors[0] for node in nodes(model) if node.operation is normalization):
        convolution, call, _ = tensor._keras_history
        if (
            kind(convolution) != "Conv2D"
            or convolution.activation is not keras.activations.linear
            or len(read_by[id(tensor)]) > 1
            or convolution._inbound_nodes[call].input_tensors[0]._keras_history.operation.name in groups
        ):
            return False
    return True


def depthwise_of(normalization: keras.layers.BatchNormalization) -> keras.layers.DepthwiseConv2D:
    """A trained batch normalization as a depthwise convolution of one pixel."""
    gain, shift = affine(normalization)
    layer = keras.layers.DepthwiseConv2D(1, dtype=normalization.dtype_policy, name=normalization.name)
    layer.build((None, None, None, len(gain)))
    layer.set_weights([gain[None, None, :, None], shift])
    return layer


def copy_class(operation: keras.Operation, bounded: bool) -> Any:
    """What takes the place of an operation."""
    if type(operation) is EnhancedSpatialAttention:
        return ResizingSpatialAttention
    if type(operation) is ContrastChannelAttention and bounded:
        return MultiplyingContrastAttention
    return type(operation)


class Bounded(keras.layers.Layer):
    """Tells the converter that values have the range [0, 1], without an operation in the file."""

    def call(self, values):
        import tensorflow as tf

        return tf.quantization.fake_quant_with_min_max_args(values, 0.0, 1.0)


class ResizingSpatialAttention(EnhancedSpatialAttention):
    """Enhanced spatial attention whose map TensorFlow resizes."""

    def resize(self, coarse, skip):
        import tensorflow as tf

        return tf.ensure_shape(tf.image.resize(coarse, tf.shape(skip)[1:3]), skip.shape)


class MultiplyingContrastAttention(ContrastChannelAttention):
    """Contrast-aware channel attention without SQUARED_DIFFERENCE, which XNNPACK does not run in integers."""

    def square(self, deviation):
        return deviation * deviation


def bicubic_phases(image, layer: BicubicUpsample):
    """What `BicubicUpsample` computes, before its pixels are rearranged."""
    channels = image.shape[-1]
    for axis in (1, 2):
        first, last = (image[:, :1], image[:, -1:]) if axis == 1 else (image[:, :, :1], image[:, :, -1:])
        image = keras.ops.concatenate([first] * RADIUS + [image] + [last] * RADIUS, axis=axis)
    kernel = phase_kernel(layer.scale, channels)
    convolution = keras.layers.Conv2D(kernel.shape[3], kernel.shape[:2], use_bias=False, name=layer.name)
    convolution.build(image.shape)
    convolution.set_weights([kernel])
    return convolution(image)


def rescale_phases(features, layer: keras.layers.Rescaling, block_size: int):
    """What `Rescaling` does to the result of depth to space, done before it."""
    phases = block_size**2
    scale, offset = (
        np.tile(np.broadcast_to(value, features.shape[-1] // phases), phases).tolist()
        for value in (layer.scale, layer.offset)
    )
    return keras.layers.Rescaling(scale, offset, dtype=layer.dtype_policy, name=layer.name)(features)


def slices(features, cuts) -> list:
    """The parts of a split along the channels."""
    bounds = [0, *cuts, features.shape[-1]]
    return [features[..., start:stop] for start, stop in zip(bounds, bounds[1:], strict=False)]
