"""Writes networks as LiteRT files, for processors and the delegates of phones."""

import re
from collections.abc import Sequence
from functools import partial

import keras
import numpy as np

from keras_lisr.basics.export_options import ExportOptions
from keras_lisr.export.calibration import SIDE, calibration_patches
from keras_lisr.export.concatenation import find_uneven
from keras_lisr.export.equalize import equalize
from keras_lisr.export.fine_tune import fine_tune_quantized
from keras_lisr.export.litert_file import check_litert_file
from keras_lisr.export.litert_graph import litert_graph
from keras_lisr.export.saved_model import check_backend, signature
from keras_lisr.graph.cast import layers_in
from keras_lisr.layers.enhanced_spatial_attention import EnhancedSpatialAttention
from keras_lisr.tiling.rows import Progress


@layers_in("float32")
def write_litert(model: keras.Model, options: ExportOptions, progress: Progress | None = None) -> None:
    """Writes a network with LiteRT's built-in operators, which delegates run as one piece.

    The signature `serving_default` takes `low_resolution`, `(1, height, width, 3)`, and returns `super_resolved`.

    Args:
        model: Functional model from RGB in [0, 1] to RGB, folded or not, in float32.
        options: Path and options. For "int8", `representative` holds arrays.
        progress: Called after each fine-tuning step.

    Raises:
        ValueError: If Keras does not run on TensorFlow, or the network has operations that LiteRT lacks, or that lose
            too much in "int8".
    """
    check_backend()
    patches: list[np.ndarray] = []
    if options.quantize == "int8":
        patches = cut_calibration(model, options)
        model = equalize(model, patches)
        network = litert_graph(model, bounded=True, uneven=find_uneven(model, patches))
        if options.fine_tune:
            fine_tune_quantized(network, model, patches, options.representative, options.fine_tune, progress)
    else:
        network = litert_graph(model)
    options.path.write_bytes(convert(network, options, patches))
    check_litert_file(options.path, static=options.shape is not None, integer=options.quantize == "int8")


def cut_calibration(model: keras.Model, options: ExportOptions) -> list[np.ndarray]:
    """Cuts patches to calibrate a network, in the size of the file if that matters."""
    if any(isinstance(layer, keras.layers.UnitNormalization) for layer in model.layers):
        raise ValueError(
            "`quantize` must be 'float16' or 'dynamic' for a network that normalizes pixels (SMFANet), which loses "
            "0.9 dB in 8 bits. Received: quantize='int8'"
        )
    resizes = any(isinstance(layer, EnhancedSpatialAttention) for layer in model.layers)
    # In a static file the size of a resized map is a constant.
    fixed = options.shape if resizes or None not in model.input_shape[1:3] else None
    return calibration_patches(options.representative, fixed or (SIDE, SIDE))


def convert(network: keras.Model, options: ExportOptions, patches: Sequence[np.ndarray] = ()) -> bytes:
    """Converts a network that `litert_graph` returned, `bounded` for "int8", to the content of a file.

    Raises:
        ValueError: If LiteRT has no operator for one of the network.
    """
    import tensorflow as tf

    # The module keeps the variables alive; LiteRT would find them empty.
    module = tf.Module()
    module.weights = [weight.value for weight in network.weights]
    # In an integer file the converter itself sets the type.
    dtype = "uint8" if options.io == "uint8" and options.quantize != "int8" else "float32"
    size = (1, *(options.shape or (None, None)))
    function = signature(partial(network, training=False), dtype, size).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if options.quantize != "none":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if options.quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if options.quantize == "int8":
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = lambda: ([patch[None]] for patch in patches)
        converter.inference_input_type = converter.inference_output_type = tf.as_dtype(options.io)
    try:
        return converter.convert()
    except Exception as error:  # The converter's own error is private, and many lines long.
        operations = sorted(set(re.findall(r"'(tf\.\w+)' op", str(error))))
        reason = ", ".join(operations) or str(error).partition("\n")[0]
        raise ValueError(
            f"`model` must be a network that LiteRT has operators for. Received: model={network.name!r} ({reason})"
        ) from error
