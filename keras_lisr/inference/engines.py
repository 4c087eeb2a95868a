"""Compiles a model to a function on pictures of 8 or 16 bits, for each backend of Keras."""

import itertools
from collections.abc import Callable
from typing import Literal

import keras
import numpy as np
from numpy.typing import DTypeLike

from keras_lisr.graph.cast import POLICIES
from keras_lisr.inference.precision import fast_bfloat16

Precision = Literal["auto", "float32", "bfloat16"]
Engine = Callable[[np.ndarray], np.ndarray]


def resolve_precision(precision: Precision | None) -> str | None:
    """Turns "auto" into "bfloat16" where the processor computes it fast, and into "float32" elsewhere.

    Raises:
        ValueError: If `precision` is not "auto", "float32", "bfloat16" or None.
    """
    if precision == "auto":
        return "bfloat16" if fast_bfloat16() else "float32"
    if precision not in (*POLICIES, None):
        raise ValueError(f"`precision` must be 'auto', 'float32' or 'bfloat16'. Received: precision={precision!r}")
    return precision


def compile_engine(model: keras.Model, rounded: bool = True, dtype: DTypeLike = np.uint8) -> Engine:
    """Compiles a model to a function from `(1, height, width, 3)`, uint8 or uint16, to pixels of the same type.

    Scaling to [0, 1], clipping and rounding half up are part of the function, so that only bytes go in and out; unless
    `rounded`, it returns what the model does. It sees later changes of the model's weights.

    TensorFlow compiles it for every size at once if its layers allow it, JAX anew for each; PyTorch runs it as it is.
    """
    dtype = np.dtype(dtype)
    white = np.iinfo(dtype).max

    def upscale(low_resolution, call=model):
        super_resolved = call(keras.ops.cast(low_resolution, "float32") / white, training=False)
        if not rounded:
            return super_resolved
        super_resolved = keras.ops.cast(super_resolved, "float32")  # Bytes have more digits than bfloat16.
        return keras.ops.cast(keras.ops.floor(keras.ops.clip(super_resolved, 0, 1) * white + 0.5), dtype.name)

    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            # Not jit_compile: on CPUs XLA is slower than oneDNN.
            # Of an unknown number of rows, Keras's TimeDistributed takes as many as the batch has pictures.
            is_sized = any(isinstance(layer, keras.layers.TimeDistributed) for layer in model.layers)
            signature = None if is_sized else [tf.TensorSpec((1, None, None, 3), dtype)]
            traced = tf.function(upscale, input_signature=signature, autograph=False)

            def compiled(low_resolution):
                nonlocal traced
                try:
                    return traced(low_resolution)
                # UpSampling2D resizes to sizes that are known, and LayerNormalization may have weights for one size.
                except (tf.errors.OperatorNotAllowedInGraphError, TypeError):
                    traced = tf.function(upscale, autograph=False)  # Anew for each size.
                    return traced(low_resolution)

        case "jax":
            import jax

            @jax.jit
            def upscale_with(trainable, non_trainable, low_resolution):
                def call(inputs, training):
                    return model.stateless_call(trainable, non_trainable, inputs, training=training)[0]

                return upscale(low_resolution, call)

            def compiled(low_resolution):
                weights = model.trainable_variables, model.non_trainable_variables
                return upscale_with(*([weight.value for weight in group] for group in weights), low_resolution)

        case "torch":
            import torch

            compiled = torch.inference_mode()(upscale)

    def engine(low_resolution):
        super_resolved = keras.ops.convert_to_numpy(compiled(low_resolution))
        # With PyTorch, what Keras calls uint16 has more bits.
        return super_resolved.astype(dtype, copy=False) if rounded else super_resolved

    return engine


def compile_self_ensemble(model: keras.Model, dtype: DTypeLike = np.uint8) -> Engine:
    """Compiles a model to a function that averages its results for the eight flips and quarter turns of a picture.

    This is the geometric self-ensemble of EDSR (https://arxiv.org/abs/1707.02921): eight times the work for a few
    hundredths to tenths of a decibel. The average is rounded; otherwise all is as in `compile_engine`.
    """
    engine = compile_engine(model, rounded=False, dtype=dtype)
    white = np.iinfo(dtype).max

    def upscale(low_resolution):
        views = []
        for flip, turns in itertools.product((1, -1), range(4)):
            view = np.rot90(low_resolution[:, :, ::flip], turns, axes=(1, 2))
            upscaled = engine(np.ascontiguousarray(view))
            views.append(np.rot90(upscaled, -turns, axes=(1, 2))[:, :, ::flip])
        return np.floor(np.clip(sum(views) / 8, 0, 1) * white + 0.5).astype(dtype)

    return upscale
