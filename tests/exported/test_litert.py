from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_lisr.exported import LiteRTNetwork


def floats(height, width):
    return np.random.default_rng(0).uniform(0, 1, (1, height, width, 3)).astype(np.float32)


def test_computes_what_keras_does_at_any_size(networks, litert_file):
    network = LiteRTNetwork(litert_file("any"), threads=1)
    assert (network.shape, network.scale, network.dtype) == (None, 2, np.float32)
    for height, width in [(20, 31), (1, 1), (20, 31), (64, 48)]:
        expected = keras.ops.convert_to_numpy(networks["exact"](floats(height, width)))
        np.testing.assert_allclose(network(floats(height, width)), expected, rtol=0, atol=1e-5)


def test_a_file_for_one_size_takes_that_one(networks, litert_file):
    network = LiteRTNetwork(litert_file("static"))
    assert (network.shape, network.scale) == ((24, 32), 2)
    expected = keras.ops.convert_to_numpy(networks["exact"](floats(24, 32)))
    np.testing.assert_allclose(network(floats(24, 32)), expected, rtol=0, atol=1e-5)
    with pytest.raises(ValueError, match="`low_resolution`"):
        network(floats(32, 24))


@pytest.mark.parametrize(
    "wrong", [np.zeros((1, 8, 8, 3), np.uint8), np.zeros((2, 8, 8, 3), np.float32), np.zeros((1, 0, 8, 3), np.float32)]
)
def test_other_arrays_are_refused(litert_file, wrong):
    with pytest.raises(ValueError, match="`low_resolution`"):
        LiteRTNetwork(litert_file("any"))(wrong)


@pytest.mark.parametrize(("io", "range_", "zero_point"), [("uint8", [0, 255], 0), ("int8", [0, 1], -128)])
def test_says_what_goes_in_and_comes_out(litert_file, io, range_, zero_point):
    network = LiteRTNetwork(litert_file(io))
    assert network.dtype == io
    assert network.input == {
        "name": "low_resolution",
        "dtype": io,
        "layout": "NHWC",
        "colour": "RGB",
        "range": range_,
        "scale": pytest.approx(1 / 255, rel=1e-6),
        "zero_point": zero_point,
    }
    assert (network.output["name"], network.output["dtype"]) == ("super_resolved", io)
    assert set(network.output) == set(network.input)


def convert(function, path, shape, dtype, output):
    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec(shape, dtype, name="low_resolution")])
        def call(self, low_resolution):
            return {output: function(low_resolution)}

    module = Module()
    tf.saved_model.save(module, path / "saved", signatures={"serving_default": module.call})
    file = path / "other.tflite"
    file.write_bytes(tf.lite.TFLiteConverter.from_saved_model(str(path / "saved")).convert())
    return file


OTHERS = {
    "another name": (lambda x: x + 1, (1, None, None, 3), tf.float32, "image"),
    "a vector": (lambda x: tf.reduce_mean(x, [1, 2]), (1, None, None, 3), tf.float32, "super_resolved"),
    "wider only": (lambda x: tf.repeat(x, 2, axis=2), (1, 8, 9, 3), tf.float32, "super_resolved"),
    "grey": (lambda x: x + 1, (1, 8, 9, 1), tf.float32, "super_resolved"),
    "int32": (lambda x: x + 1, (1, 8, 9, 3), tf.int32, "super_resolved"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_networks_are_refused(tmp_path, name):
    function, *options = OTHERS[name]
    with pytest.raises(ValueError, match="`path`"):
        LiteRTNetwork(convert(function, tmp_path, *options))


def test_other_files_are_refused(tmp_path, litert_file):
    (tmp_path / "text").write_text("no network" * 100)
    (tmp_path / "half").write_bytes(litert_file("any").read_bytes()[:2000])
    for name in ("text", "half", "missing"):
        with pytest.raises(ValueError, match=f"`path`.*{name}"):
            LiteRTNetwork(tmp_path / name)


def test_wrong_threads_are_refused(litert_file):
    with pytest.raises(ValueError, match="`threads`"):
        LiteRTNetwork(litert_file("any"), threads=0)


def test_threads_take_turns(litert_file):
    network = LiteRTNetwork(litert_file("any"))
    pictures = [floats(20 + i, 24) for i in range(4)]
    expected = list(map(network, pictures))
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: list(map(network, pictures)), range(8)):
            for super_resolved, wanted in zip(found, expected, strict=True):
                np.testing.assert_array_equal(super_resolved, wanted)
