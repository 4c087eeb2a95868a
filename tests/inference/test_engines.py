import keras
import numpy as np
import pytest

from keras_lisr.inference import engines
from keras_lisr.inference.engines import compile_engine, compile_self_ensemble, resolve_precision


def model_of(*layers):
    features = inputs = keras.Input((None, None, 3))
    for layer in layers:
        features = layer(features)
    return keras.Model(inputs, features)


@pytest.fixture
def bytes_of_all_values():
    return np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)


@pytest.mark.parametrize("compile_", [compile_engine, compile_self_ensemble])
@pytest.mark.parametrize(("dtype", "side"), [(np.uint8, 16), (np.uint16, 256)])
def test_pixels_come_out_as_they_went_in(compile_, dtype, side):
    every = np.arange(side**2, dtype=dtype).repeat(3).reshape(1, side, side, 3)
    result = compile_(model_of(keras.layers.Identity()), dtype=dtype)(every)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, every)


def test_rounds_half_up_and_clips(bytes_of_all_values):
    engine = compile_engine(model_of(keras.layers.Rescaling(2.0, offset=0.5 / 255)))
    expected = np.minimum(2 * bytes_of_all_values.astype(int) + 1, 255)
    np.testing.assert_array_equal(engine(bytes_of_all_values), expected)
    engine = compile_engine(model_of(keras.layers.Rescaling(-1.0)))
    assert not engine(bytes_of_all_values).any()


def test_what_a_model_returns_in_bfloat16_is_rounded_in_float32(bytes_of_all_values):
    """In bfloat16, 255 + 0.5 is 256, and so white was black on some backends."""
    engine = compile_engine(model_of(keras.layers.Activation("linear", dtype="bfloat16")))
    values = keras.ops.cast(keras.ops.cast(bytes_of_all_values.astype(np.float32) / 255, "bfloat16"), "float32")
    expected = np.floor(keras.ops.convert_to_numpy(values) * 255 + 0.5)
    np.testing.assert_array_equal(engine(bytes_of_all_values), expected)


def test_16_bits_are_rounded_half_up_and_clipped():
    every = np.arange(2**16, dtype=np.uint16).repeat(3).reshape(1, 256, 256, 3)
    engine = compile_engine(model_of(keras.layers.Rescaling(1.5)), dtype=np.uint16)
    difference = engine(every) - np.floor(np.minimum(1.5 * every, 65_535) + 0.5)
    assert np.abs(difference).max() <= 1 and (difference[:, :, 1:] != 0).mean() < 0.2  # Of floats, half are on an edge.


def test_is_compiled_once_for_all_sizes():
    traces = []

    class Traced(keras.layers.Layer):
        def call(self, features):
            traces.append(features.shape)
            return features

    engine = compile_engine(model_of(Traced()))
    traces.clear()
    for size in (4, 5, 6):
        engine(np.zeros((1, size, size + 1, 3), np.uint8))
    assert len(traces) == (1 if keras.backend.backend() == "tensorflow" else 3)


def test_sees_later_changes_of_the_weights():
    model = model_of(keras.layers.Conv2D(3, 1, kernel_initializer="zeros"))
    engine = compile_engine(model)
    image = np.full((1, 2, 2, 3), 100, np.uint8)
    assert not engine(image).any()
    model.layers[1].kernel.assign(np.eye(3)[None, None])
    np.testing.assert_array_equal(engine(image), image)


@pytest.mark.parametrize("fast", [True, False])
def test_auto_is_bfloat16_where_that_is_fast(monkeypatch, fast):
    monkeypatch.setattr(engines, "fast_bfloat16", lambda: fast)
    assert resolve_precision("auto") == ("bfloat16" if fast else "float32")
    assert resolve_precision("float32") == "float32"


def test_unknown_precision_is_an_error():
    with pytest.raises(ValueError, match="`precision`"):
        resolve_precision("float16")


def test_the_self_ensemble_is_the_mean_over_flips_and_quarter_turns(bytes_of_all_values):
    image = np.ascontiguousarray(bytes_of_all_values[:, :, :10])
    model = model_of(keras.layers.Conv2D(3, 3, padding="same", kernel_initializer="glorot_uniform"))
    kernel = keras.ops.convert_to_numpy(model.layers[1].kernel)
    views = [np.rot90(kernel[:, ::flip], turns) for flip in (1, -1) for turns in range(4)]
    mean = model_of(keras.layers.Conv2D(3, 3, padding="same"))
    mean.set_weights([np.mean(views, axis=0), np.zeros(3)])
    difference = compile_self_ensemble(model)(image).astype(int) - compile_engine(mean)(image)
    assert difference.shape == image.shape and np.abs(difference).max() <= 1 and np.mean(difference != 0) < 0.01
