"""An equal network of operations that LiteRT's delegates run without a gap, and that leave no shapes to compute."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_lisr.export.concatenation import is_pointwise, sum_of_convolutions
from keras_lisr.export.dilated_depthwise import dilated_sum, is_large
from keras_lisr.export.fold import affine
from keras_lisr.export.transposed_convolution import sub_pixel
from keras_lisr.graph.calls import CHANNEL_AXES, is_tensor, kind, make_first_positional
from keras_lisr.graph.cast import layers_in
from keras_lisr.graph.flatten import duplicate, nodes
from keras_lisr.layers.approximate_self_attention import ApproximateSelfAttention
from keras_lisr.layers.bicubic_upsample import RADIUS, BicubicUpsample, phase_kernel
from keras_lisr.layers.contrast_channel_attention import ContrastChannelAttention
from keras_lisr.layers.enhanced_spatial_attention import EnhancedSpatialAttention


@layers_in("float32")
def litert_graph(
    model: keras.Model,
    *,
    bounded: bool = False,
    uneven: Mapping[str, Sequence[int]] | None = None,
    dilated: bool = True,
) -> keras.Model:
    """Rewrites a network for LiteRT, and for ONNX. Its output stays the same, up to the order of additions.

    - A transposed convolution becomes a convolution and depth to space: converted as it is, it computes its own shape.
      So does the repetition of pixels, which has five dimensions.
    - A depthwise convolution too large for XNNPACK's kernels, such as GGAS's, becomes a sum of small ones.
    - A split along the channels becomes slices: XNNPACK does not run SPLIT_V, which made seven pieces of IMDN.
    - The bicubic skip repeats the border by slices (in place of GATHER), and enhanced spatial attention resizes by
      RESIZE_BILINEAR (in place of products with matrices that are computed in floats).
    - A batch normalization that follows no convolution, which would take it in, becomes a depthwise one, which is one
      operator, not two: an int8 file rounds nothing between them, and no longer all gains by one step.
    - Depth to space moves behind what is added to its result, where the addition is a bias of the convolution before
      (the mean colour) or works on the smaller grid (the bicubic skip).

    Args:
        model: Functional model with one input and one output.
        bounded: Whether the values of the output have the range [0, 1] once they are quantized, and nothing is spent on
            what lies outside. In an int8 file the last convolution saturates there by itself; the float values that a
            model with `bounded` returns are rounded to 8 bits.
        uneven: What `find_uneven` found: the convolutions of these concatenations become sums.
        dilated: Whether large depthwise convolutions become sums, which other engines than LiteRT run slower.

    Returns:
        A model with its own weights.
    """
    originals: dict[int, keras.Operation] = {}
    rearranged: dict[int, tuple[keras.KerasTensor, int]] = {}  # What depth to space was applied to, by its result's id.
    joined: dict[int, tuple] = {}  # The parts and groups of an uneven concatenation, by its result's id.
    uneven = uneven or {}

    def rearrange(features, block_size: int):
        result = keras.ops.depth_to_space(features, block_size)
        rearranged[id(result)] = features, block_size
        return result

    def replace(operation) -> Callable[[Any], Any] | None:
        if dilated and is_large(operation):
            return dilated_sum(operation)
        if isinstance(operation, BicubicUpsample):
            return lambda image: rearrange(bicubic_phases(image, operation.scale), operation.scale)
        match kind(operation):
            case "Conv2DTranspose":
                convolution = sub_pixel(operation)
                return lambda features: rearrange(convolution(features), operation.strides[0])
            case "UpSampling2D" if operation.interpolation == "nearest" and len({*operation.size}) == 1:
                side = operation.size[0]
                return lambda features: rearrange(keras.ops.concatenate([features] * side**2, axis=-1), side)
            case "DepthToSpace":
                return lambda features: rearrange(features, operation.block_size)
            case "Split" if operation.axis in CHANNEL_AXES:
                return lambda features: slices(features, operation.indices_or_sections)
            case "BatchNormalization" if is_apart(operation, model):
                return depthwise(operation)
        return None

    # What is called in place of an operation, by its id: once for all calls of a layer that is shared.
    replaced = {id(operation): replace(operation) for operation in model.operations}

    def clone(operation):
        replacement = REPLACED.get(type(operation))
        copy = replacement.from_config(operation.get_config()) if replacement else duplicate(operation)
        originals[id(copy)] = operation
        return copy

    def call(operation, *args, **kwargs):
        original = originals[id(operation)]
        args, kwargs = make_first_positional(args, kwargs)
        if replacement := replaced[id(original)]:
            return replacement(args[0])
        if is_pointwise(original) and id(args[0]) in joined:
            return sum_of_convolutions(original, *joined[id(args[0])])

        tensors = keras.tree.flatten(args)
        block_sizes = {rearranged[id(tensor)][1] if id(tensor) in rearranged else 1 for tensor in tensors}
        channels = {tensor.shape[-1] for tensor in tensors if is_tensor(tensor)}
        if len(block_sizes) == len(channels) == 1 and block_sizes != {1}:
            (block_size,) = block_sizes
            first, *others = keras.tree.map_structure(lambda tensor: rearranged[id(tensor)][0], args)
            if kind(original) in ("Add", "Identity"):
                return rearrange(operation(first, *others), block_size)
            if kind(original) == "Rescaling":
                return rearrange(rescale_phases(first, original, block_size), block_size)

        result = operation(*args, **kwargs)
        if getattr(original, "weights", None):
            operation.set_weights(original.get_weights())
        if original.name in uneven:
            joined[id(result)] = args[0], uneven[original.name]
        return result

    copy = keras.models.clone_model(model, clone_function=clone, call_function=call)
    if not bounded:
        return copy
    features, block_size = rearranged.get(id(copy.outputs[0]), (copy.outputs[0], 1))
    features = Bounded(name="bounded")(features)
    if block_size > 1:
        features = keras.ops.depth_to_space(features, block_size)
    return keras.Model(copy.input, features, name=model.name)


def is_apart(layer: keras.layers.Layer, model: keras.Model) -> bool:
    """Whether no convolution takes a batch normalization in: at one call, none comes before it."""
    if layer.axis not in CHANNEL_AXES:
        return False
    inputs = [node.input_tensors[0] for node in nodes(model) if node.operation is layer]
    return any(kind(tensor._keras_history.operation) != "Conv2D" for tensor in inputs)


def depthwise(normalization: keras.layers.BatchNormalization) -> keras.layers.Layer:
    """A depthwise convolution of one pixel that computes what a trained batch normalization does."""
    gain, shift = affine(normalization)
    layer = keras.layers.DepthwiseConv2D(1, name=normalization.name)
    layer.build((None, None, None, len(gain)))
    layer.set_weights([gain[None, None, :, None], shift])
    return layer


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


class ResizingSelfAttention(ApproximateSelfAttention):
    """Approximate self-attention whose map TensorFlow enlarges."""

    def enlarge(self, coarse, features):
        import tensorflow as tf

        enlarged = tf.raw_ops.ResizeNearestNeighbor(images=coarse, size=tf.shape(features)[1:3])
        return tf.ensure_shape(enlarged, features.shape)


class MultiplyingContrastAttention(ContrastChannelAttention):
    """Contrast-aware channel attention without SQUARED_DIFFERENCE, which XNNPACK does not run in integers."""

    def square(self, deviation):
        return deviation * deviation


REPLACED: dict[type, Any] = {
    ApproximateSelfAttention: ResizingSelfAttention,
    EnhancedSpatialAttention: ResizingSpatialAttention,
    ContrastChannelAttention: MultiplyingContrastAttention,
}


def bicubic_phases(image, scale: int):
    """What `BicubicUpsample` computes, before its pixels are rearranged."""
    channels = image.shape[-1]
    for axis in (1, 2):
        first, last = (image[:, :1], image[:, -1:]) if axis == 1 else (image[:, :, :1], image[:, :, -1:])
        image = keras.ops.concatenate([first] * RADIUS + [image] + [last] * RADIUS, axis=axis)
    kernel = phase_kernel(scale, channels)
    convolution = keras.layers.Conv2D(kernel.shape[3], kernel.shape[:2], use_bias=False)
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
    return keras.layers.Rescaling(scale, offset, dtype=layer.dtype_policy)(features)


def slices(features, sections) -> list:
    """The parts of a split along the channels, into so many or at these places."""
    channels = features.shape[-1]
    cuts = range(0, channels, channels // sections)[1:] if isinstance(sections, int) else sections
    bounds = [0, *cuts, channels]
    return [features[..., start:stop] for start, stop in zip(bounds, bounds[1:], strict=False)]
