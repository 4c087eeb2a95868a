import numpy as np
from litert_files import write_litert

from keras_lisr.basics.preset_index import DEFAULT_PRESET
from keras_lisr.demo.models import TILE, Models
from keras_lisr.zoo.storage import from_preset


def test_presets_are_offered_by_scale(presets):
    models = Models()
    assert models.default == DEFAULT_PRESET
    assert models.scales == {DEFAULT_PRESET: 4, "tiny_x2": 2}
    assert models.of_scale(2) == ["tiny_x2"] and models.of_scale(4) == [DEFAULT_PRESET] and not models.of_scale(3)


def test_a_file_of_ones_own_comes_first(presets, own):
    models = Models(str(own))
    assert models.default == "own.npz"
    assert models.of_scale(2) == ["own.npz", "tiny_x2"]
    assert models.upscaler("own.npz").scale == 2


def test_exported_files_are_models_too(presets, own, tmp_path):
    network = from_preset(own)
    write_litert(network, tmp_path / "any.tflite")
    write_litert(network, tmp_path / "one.tflite", shape=(24, 28))
    assert Models(str(tmp_path / "any.tflite")).upscaler("any.tflite").tile == TILE
    image = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    assert Models(str(tmp_path / "one.tflite")).upscaler("one.tflite")(image).shape == (60, 80, 3)


def test_each_is_loaded_once(presets, monkeypatch):
    models = Models()
    upscaler = models.upscaler("tiny_x2")
    monkeypatch.setattr("keras_lisr.demo.models.load", None)
    assert models.upscaler("tiny_x2") is upscaler
    assert models.upscaler(DEFAULT_PRESET).scale == 4
