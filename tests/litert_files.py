"""LiteRT files with their sidecars, written by Keras's own export."""

import math

import keras
import numpy as np
import tensorflow as tf

from keras_lisr.exported import LiteRTNetwork
from keras_lisr.exported.sidecar import Sidecar, checksum, size, write_sidecar
from keras_lisr.graph.receptive_field import receptive_field_radius

INTEGERS = {"uint8": tf.uint8, "int8": tf.int8}


def write_litert(model, path, *, shape=None, io="float32"):
    """Writes a network and its sidecar: in floats, or in integers throughout if `io` is "uint8" or "int8"."""
    inputs = keras.Input((None, None, 3), batch_size=1, name="low_resolution")
    named = keras.Model(inputs, {"super_resolved": model(inputs)})
    signature = tf.TensorSpec((1, *(shape or (None, None)), 3), tf.float32, name="low_resolution")
    integers = {} if io == "float32" else {
        "optimizations": [tf.lite.Optimize.DEFAULT],
        "representative_dataset": representative,
        "target_spec": {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]},
        "inference_input_type": INTEGERS[io],
        "inference_output_type": INTEGERS[io],
    }  # fmt: skip
    named.export(path, format="litert", input_signature=[signature], verbose=False, **integers)
    describe(path, model, shape=shape)
    return path


def representative():
    """Pictures in which all values from 0 to 1 occur."""
    random = np.random.default_rng(0)
    for side in (24, 24, 32):
        picture = random.uniform(0, 1, (1, side, side, 3)).astype(np.float32)
        picture[0, 0, 0], picture[0, 0, 1] = 0, 1
        yield [picture]


def describe(path, model, **changes):
    """Writes the sidecar of a file that a network is in, with changes to it."""
    network = LiteRTNetwork(path)
    radius = receptive_field_radius(model)
    known = {
        "format": "litert",
        "file": path.name,
        "sha256": checksum(path),
        "bytes": size(path),
        "network": "tiny",
        "scale": network.scale,
        "quantize": "none",
        "shape": network.shape,
        "input": network.input,
        "output": network.output,
        "halo": None if math.isinf(radius) else radius,
        "smallest_side": 1,
        "protocol": "",
        "psnr": {},
        "verification": {},
        "versions": {},
    }
    return write_sidecar(Sidecar(**known | changes), path)
