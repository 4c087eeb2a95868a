"""Outputs of a network's blocks for one image, and the attention map that guides them."""

import re
from collections.abc import Mapping

import keras
import numpy as np

from keras_lisr.graph.cast import cast_model
from keras_lisr.graph.flatten import nodes
from keras_lisr.tiling.tiles import check_image

BLOCK = re.compile(r"block_(\d+)")
ATTENTION = "global_attention"
MOST_BYTES = 2**32  # Of all outputs.


def block_outputs(model: keras.Model, image: np.ndarray) -> dict[str, np.ndarray]:
    """Computes the output of every block, F_1 to F_N of Eq. 3, with GGAS after the attention map.

    A block is a curve in the paper's Fig. 1: a residual group of RCAN, a residual block of EDSR, a
    cascading block of CARN, a distillation block of IMDN, a memory block of MemNet, a distillation block of IDN, a
    mapping convolution of FSRCNN.

    Args:
        model: Model from RGB in [0, 1], `(batch, height, width, 3)`, with layers `block_1`, `block_2`, ...
            as the builders of `keras_lisr.zoo` name them. It runs in float32, whatever its precision.
        image: Low-resolution picture, uint8 or uint16 RGB `(height, width, 3)`.

    Returns:
        float32 `(height, width, channels)` by the block's name, in order.

    Raises:
        ValueError: If `model` has no layer `block_1`, or `image` has another shape or type, is smaller than a layer
            allows, or so large that the outputs exceed 4 GiB: a megapixel for sixteen blocks of 64 channels.

    Example:

    >>> from keras_lisr.zoo import fsrcnn
    >>> outputs = block_outputs(fsrcnn(scale=4, num_blocks=2), np.zeros((6, 8, 3), np.uint8))
    >>> {name: features.shape for name, features in outputs.items()}
    {'block_1': (6, 8, 12), 'block_2': (6, 8, 12)}
    """
    model, outputs = layer_outputs(model)
    numbers = sorted(int(match[1]) for name in outputs if (match := BLOCK.fullmatch(name)))
    if 1 not in numbers:
        raise ValueError(
            "`model` must name its blocks block_1, block_2 and so on. "
            f"Received: model={model.name!r}, which has no layer block_1"
        )
    return compute(model, {f"block_{i}": outputs[f"block_{i}"] for i in numbers}, image)


def attention_map(model: keras.Model, image: np.ndarray) -> np.ndarray:
    """Computes the map GA of Eq. 2, by which GGAS multiplies the output of every block.

    Args:
        model: As for `block_outputs`, built with GGAS.
        image: As for `block_outputs`.

    Returns:
        float32 `(height, width, channels)`, for the paper's block from 0 to 1.

    Raises:
        ValueError: If `model` has no layer `global_attention`, or `image` is invalid, see `block_outputs`.

    Example:

    >>> from keras_lisr.zoo import fsrcnn
    >>> attention_map(fsrcnn(scale=4, ggas=True), np.zeros((6, 8, 3), np.uint8)).shape
    (6, 8, 12)
    """
    model, outputs = layer_outputs(model)
    if ATTENTION not in outputs:
        raise ValueError(
            "`model` must be built with GGAS to have an attention map. "
            f"Received: model={model.name!r}, which has no layer {ATTENTION}"
        )
    return compute(model, {ATTENTION: outputs[ATTENTION]}, image)[ATTENTION]


def layer_outputs(model: keras.Model) -> tuple[keras.Model, dict[str, keras.KerasTensor]]:
    """Returns the model in float32, because rounding to bfloat16 is white noise in a spectrum, and its tensors."""
    model = cast_model(model, "float32")
    return model, {node.operation.name: node.outputs[0] for node in nodes(model)}


def compute(model: keras.Model, tensors: Mapping[str, keras.KerasTensor], image: np.ndarray) -> dict[str, np.ndarray]:
    """Computes tensors inside a model for one image, `(height, width, channels)` each; raises as `block_outputs`."""
    check_image(image, max(getattr(layer, "smallest_side", 1) for layer in model.layers))
    most_pixels = MOST_BYTES // (4 * sum(tensor.shape[-1] for tensor in tensors.values()))
    if image.shape[0] * image.shape[1] > most_pixels:
        raise ValueError(
            f"`image` must have at most {most_pixels} pixels, or the outputs of {len(tensors)} layers exceed 4 GiB; "
            f"crop it. Received: image.shape={image.shape}"
        )
    inner = keras.Model(model.input, dict(tensors))  # Keras unpacks a list of a single tensor.
    if keras.backend.backend() == "tensorflow":
        inner.jit_compile = False  # On processors XLA is slower.
    # As one function, which frees other tensors; called layer by layer, a model keeps all of them.
    outputs = inner.predict_on_batch(image[np.newaxis].astype(np.float32) / np.iinfo(image.dtype).max)
    return {name: outputs[name][0] for name in tensors}
