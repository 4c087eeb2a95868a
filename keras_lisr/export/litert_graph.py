"""Rewrites networks with operations that LiteRT's delegates run in one piece, and that compute no shapes."""

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
from keras_lisr.layers.bicubic_upsample import BicubicUpsample
from keras_lisr.layers.enhanced_spatial_attention import EnhancedSpatialAttention


@layers_in("float32")
def litert_graph(
    model: keras.Model,
    *,
    bounded: bool = False,
    uneven: Mapping[str, Sequence[int]] | None = None,
    dilated: bool = True,
) -> keras.Model:
    """Rewrites a network for LiteRT and ONNX. The output stays the same, up to the order of additions.

    - A transposed convolution becomes a convolution and depth to space, because TRANSPOSE_CONV computes its own shape.
      So does nearest upsampling, which has five dimensions.
    - A depthwise convolution too large for XNNPACK's kernels, such as GGAS's, becomes a sum of small ones.
    - A split along the channels becomes slices: XNNPACK does not run SPLIT_V, which cut IMDN into seven pieces.
    - Enhanced spatial attention resizes by RESIZE_BILINEAR instead of products with matrices that are computed in
      floats.
    - A batch normalization that follows no convolution becomes a depthwise one: one operator instead of two, so that an
      int8 file rounds nothing between them and has a step for each channel's gain.
    - Depth to space moves behind additions to its result, which then become a bias of the convolution before (the mean
      colour) or work on the smaller grid (the bicubic skip).

    Args:
        model: Functional model with one input and one output.
        bounded: Whether the output has the range [0, 1] when it is quantized, so that no step is spent outside. The
            last convolution of an int8 file then saturates by itself; the model returned here rounds to 8 bits.
        uneven: Result of `find_uneven`: the convolutions of these concatenations become sums.
        dilated: Whether large depthwise convolutions become sums, which only LiteRT runs faster.

    Returns:
        Model with its own weights.
    """
    originals: dict[int, keras.Operation] = {}
    rearranged: dict[int, tuple[keras.KerasTensor, int]] = {}  # Input and block size of depth to space, by its result.
    joined: dict[int, tuple] = {}  # Parts and groups of an uneven concatenation, by its result.
    uneven = uneven or {}

    def rearrange(features, block_size: int):
        result = keras.ops.depth_to_space(features, block_size)
        rearranged[id(result)] = features, block_size
        return result

    def replace(operation) -> Callable[[Any], Any] | None:
        if dilated and is_large(operation):
            return dilated_sum(operation)
        if isinstance(operation, BicubicUpsample):
            return lambda image: rearrange(operation.phases(image), operation.scale)
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

    # By the operation's id: a shared layer is replaced once for all its calls.
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
    """Checks whether a batch normalization has a call that follows no convolution."""
    if layer.axis not in CHANNEL_AXES:
        return False
    inputs = [node.input_tensors[0] for node in nodes(model) if node.operation is layer]
    return any(kind(tensor._keras_history.operation) != "Conv2D" for tensor in inputs)


def depthwise(normalization: keras.layers.BatchNormalization) -> keras.layers.Layer:
    """Makes the 1x1 depthwise convolution that equals a trained batch normalization."""
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


REPLACED: dict[type, Any] = {
    ApproximateSelfAttention: ResizingSelfAttention,
    EnhancedSpatialAttention: ResizingSpatialAttention,
}


def rescale_phases(features, layer: keras.layers.Rescaling, block_size: int):
    """Applies a `Rescaling` of the result of depth to space before it."""
    phases = block_size**2
    scale, offset = (
        np.tile(np.broadcast_to(value, features.shape[-1] // phases), phases).tolist()
        for value in (layer.scale, layer.offset)
    )
    return keras.layers.Rescaling(scale, offset, dtype=layer.dtype_policy)(features)


def slices(features, sections) -> list:
    """Splits features along the channels, into equal sections or at these places."""
    channels = features.shape[-1]
    cuts = range(0, channels, channels // sections)[1:] if isinstance(sections, int) else sections
    bounds = [0, *cuts, channels]
    return [features[..., start:stop] for start, stop in zip(bounds, bounds[1:], strict=False)]
