"""Networks as LiteRT files, for the delegates of telephones."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_lisr.export.calibration import SIDE, calibration_patches
from keras_lisr.export.concatenation import find_uneven
from keras_lisr.export.equalize import equalize
from keras_lisr.export.fine_tune import fine_tune_quantized
from keras_lisr.export.litert_file import check_litert_file
from keras_lisr.export.litert_graph import litert_graph
from keras_lisr.export.saved_model import check_backend
from keras_lisr.graph.cast import layers_in
from keras_lisr.layers.enhanced_spatial_attention import EnhancedSpatialAttention
from keras_lisr.litert.network import INPUT, OUTPUT
from keras_lisr.tiling.rows import Progress


@layers_in("float32")
def write_litert(
    model: keras.Model,
    path: Path,
    *,
    quantize: str = "none",
    shape: tuple[int, int] | None = None,
    representative: Sequence[np.ndarray] | None = None,
    io: str = "float32",
    fine_tune: int = 0,
    progress: Progress | None = None,
) -> None:
    """Writes a network as a file of LiteRT's own operators, which delegates run as one piece.

    Its signature `serving_default` takes `low_resolution`, `(1, height, width, 3)`, and returns `super_resolved`.

    Args:
        model: Functional model from RGB in [0, 1] to RGB, folded or not, in float32.
        path: File to write.
        quantize: As for `export_model`, and so are the others.
        shape: Height and width of a file for one size.
        representative: For "int8": uint8 arrays `(height, width, 3)`.
        io: Type of the pictures that go in and out.
        fine_tune: Steps.
        progress: Called after each of these.

    Raises:
        ValueError: If Keras runs on another backend than TensorFlow, or the network has operations that are not
            LiteRT's own, or that lose too much in "int8".
    """
    check_backend()
    if representative is None:
        patches = None
        network = litert_graph(model)
    else:
        patches = cut_calibration(model, representative, shape)
        model = equalize(model, patches)
        network = litert_graph(model, bounded=True, uneven=find_uneven(model, patches))
        if fine_tune:
            fine_tune_quantized(network, model, patches, representative, steps=fine_tune, progress=progress)
    path.write_bytes(convert(network, quantize=quantize, shape=shape, patches=patches, io=io))
    check_litert_file(path, static=shape is not None, integer=quantize == "int8")


def cut_calibration(
    model: keras.Model, pictures: Sequence[np.ndarray], shape: tuple[int, int] | None
) -> list[np.ndarray]:
    """Patches for the calibration of a network, in the size that a file for one size needs."""
    if any(isinstance(layer, keras.layers.UnitNormalization) for layer in model.layers):
        raise ValueError(
            "`quantize` must be 'float16' or 'dynamic' for a network that normalizes pixels (SMFANet), which loses "
            "0.9 dB in 8 bits. Received: quantize='int8'"
        )
    resizes = any(isinstance(layer, EnhancedSpatialAttention) for layer in model.layers)
    # The size that a map is resized to is a constant of a static file.
    side = shape if shape and (resizes or None not in model.input_shape[1:3]) else (SIDE, SIDE)
    return calibration_patches(pictures, side)


def convert(
    network: keras.Model,
    *,
    quantize: str = "none",
    shape: tuple[int, int] | None = None,
    patches: Sequence[np.ndarray] | None = None,
    io: str = "float32",
) -> bytes:
    """Converts what `litert_graph` returned, `bounded` for "int8", to the content of a file.

    Options are those of `write_litert`; for "int8", patches those of `calibration_patches`.

    Raises:
        ValueError: If LiteRT has no operator for one of the network.
    """
    import tensorflow as tf

    # Without the variables, which the module holds, LiteRT would find them empty.
    module = tf.Module()
    module.weights = [weight.value for weight in network.weights]
    function = signature(network, quantize, shape, io).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if quantize != "none":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if quantize == "int8":
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = lambda: ([patch[None]] for patch in patches or ())
        converter.inference_input_type = converter.inference_output_type = tf.as_dtype(io)
    try:
        return converter.convert()
    except Exception as error:  # The converter's own, which it keeps private, with the places in the code.
        operations = sorted(set(re.findall(r"'(tf\.\w+)' op", str(error))))
        reason = ", ".join(operations) or str(error).partition("\n")[0]
        raise ValueError(
            f"`model` must be a network that LiteRT has operators for. Received: model={network.name!r} ({reason})"
        ) from error


def signature(network: keras.Model, quantize: str, shape: tuple[int, int] | None, io: str) -> Any:
    """The function that a file holds."""
    import tensorflow as tf

    in_bytes = io == "uint8" and quantize != "int8"  # The converter itself gives an integer file integers.
    height, width = shape or (None, None)
    spec = tf.TensorSpec((1, height, width, 3), tf.uint8 if in_bytes else tf.float32, INPUT)

    @tf.function(input_signature=[spec], autograph=False)
    def call(low_resolution):
        if not in_bytes:
            return {OUTPUT: network(low_resolution, training=False)}
        super_resolved = network(tf.cast(low_resolution, tf.float32) / 255, training=False)
        return {OUTPUT: tf.cast(tf.floor(tf.clip_by_value(super_resolved, 0, 1) * 255 + 0.5), tf.uint8)}

    return call
