"""Writes networks as SavedModels, which `tf.saved_model.load` runs without Keras and this package."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_lisr.exported.litert import INPUT, OUTPUT, SIGNATURE

PICTURES = "upscale"  # The signature from bytes to bytes.
Network = Callable[[np.ndarray], np.ndarray]


def write_saved_model(model: keras.Model, folder: Path) -> None:
    """Writes a network for pictures of any size and number, with two signatures.

    Both take `low_resolution`, `(batch, height, width, 3)`, and return `super_resolved`: `serving_default` float32 in
    [0, 1], which is not clipped, and `upscale` uint8, clipped and rounded half up as by `keras_lisr.inference`. Every
    weight is stored once, in float32. TensorFlow 2.15 and later can load it.

    Raises:
        ValueError: If Keras does not run on TensorFlow.

    Example:

        network = tf.saved_model.load("imdn_x4")
        super_resolved = network.signatures["upscale"](low_resolution=picture)["super_resolved"]
    """
    network = signature(partial(model, training=False))
    upscale = signature(lambda pictures: network(pictures)[OUTPUT], "uint8")

    import tensorflow as tf

    # Not keras.export.ExportArchive, which stores every weight twice.
    module = tf.Module()
    module.weights = list(network.get_concrete_function().variables)
    tf.saved_model.save(module, str(folder), {SIGNATURE: network, PICTURES: upscale})


def signature(network: Callable[[Any], Any], dtype: str = "float32", size: Sequence[int | None] = (None,) * 3) -> Any:
    """Wraps a network of floats as a `tf.function` on pictures of this type and size, `(batch, height, width)`.

    Raises:
        ValueError: When it is traced, if a layer needs a fixed size.
    """
    check_backend()
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((*size, 3), dtype, INPUT)], autograph=False)
    def call(low_resolution):
        inputs = low_resolution if dtype == "float32" else tf.cast(low_resolution, tf.float32) / 255
        try:
            super_resolved = network(inputs)
        except tf.errors.OperatorNotAllowedInGraphError as error:
            raise ValueError(
                "`model` must take pictures of any size in a graph (UpSampling2D only with interpolation='nearest'), "
                f"or the file be for one `shape`. Received: {str(error).splitlines()[0]}"
            ) from error
        if dtype == "float32":
            return {OUTPUT: super_resolved}
        return {OUTPUT: tf.cast(tf.floor(tf.clip_by_value(super_resolved, 0, 1) * 255 + 0.5), tf.uint8)}

    return call


def check_backend() -> None:
    """Raises a ValueError if Keras runs on another backend than TensorFlow."""
    if (backend := keras.backend.backend()) != "tensorflow":
        raise ValueError(
            f"Keras must run on TensorFlow to export a model (KERAS_BACKEND=tensorflow). Received: {backend!r}"
        )


def saved_model_network(folder: str | Path, name: str = SIGNATURE) -> Network:
    """Loads a signature of a SavedModel as a function on arrays."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))

    def network(low_resolution):
        # `loaded` keeps the variables alive, which a signature alone does not.
        return loaded.signatures[name](**{INPUT: tf.constant(low_resolution)})[OUTPUT].numpy()

    return network
