"""Every preset of the package loads, is what the index says, and measures what the index says."""

import json
import zipfile

import numpy as np
import pytest

from keras_lisr.basics.preset_index import DEFAULT_PRESET, FOLDER, presets
from keras_lisr.data import BenchmarkSet
from keras_lisr.evaluation import evaluate, multiply_accumulates, parameters
from keras_lisr.exported import ExportedUpscaler
from keras_lisr.inference import Upscaler
from keras_lisr.zoo import from_preset

PRESETS = {preset.name: preset for preset in presets()}
LARGEST = 3.2 * 10**6


def test_there_is_a_default():
    assert PRESETS[DEFAULT_PRESET].scale == 4


@pytest.mark.parametrize("name", PRESETS)
def test_is_what_the_index_says(name):
    preset, model = PRESETS[name], from_preset(name)
    assert preset.parameters == parameters(model)
    assert preset.multiply_accumulates == multiply_accumulates(model)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


@pytest.mark.parametrize("name", PRESETS)
def test_file_is_small_float16_without_pickles(name):
    file = FOLDER / PRESETS[name].file
    assert file.stat().st_size < LARGEST
    assert zipfile.is_zipfile(file)
    with np.load(file, allow_pickle=False) as arrays:
        assert {arrays[key].dtype for key in arrays.files if key != "architecture"} == {np.dtype("float16")}
        assert json.loads(str(arrays["architecture"]))["builder"] == PRESETS[name].builder


def test_no_file_is_left_over():
    weights = {preset.file for preset in PRESETS.values()}
    exported = {PRESETS[DEFAULT_PRESET].exported("int8").name, *(preset.exported().name for preset in PRESETS.values())}
    sidecars = {f"{name}.json" for name in exported}
    assert {file.name for file in FOLDER.iterdir()} == {"index.json"} | weights | exported | sidecars


@pytest.mark.parametrize("name", PRESETS)
def test_the_litert_file_is_of_the_same_weights(name):
    """Weights of float16 are folded and rounded once more: one byte in fifty differs by one."""
    picture = np.random.default_rng(0).integers(256, size=(12, 16, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
    by_litert = ExportedUpscaler(PRESETS[name].exported())(picture)
    by_keras = Upscaler(from_preset(name), precision="float32")(picture)
    difference = np.abs(by_litert.astype(int) - by_keras)
    assert difference.max() <= 1 and (difference > 0).mean() < 0.05


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name == DEFAULT_PRESET else [pytest.mark.slow]) for name in PRESETS]
)
def test_measures_on_set5_what_the_index_says(name, benchmarks):
    preset = PRESETS[name]
    result = evaluate(Upscaler(from_preset(name), precision="float32"), BenchmarkSet(benchmarks / "Set5", preset.scale))
    assert (result.psnr, result.ssim) == pytest.approx(preset.measured["Set5"], abs=2e-3)


@pytest.mark.parametrize("name", [name for name in PRESETS if not name.endswith("_photo")])  # Set5 has no blocks.
def test_beats_bicubic(name):
    bicubic = {2: 33.67, 3: 30.40, 4: 28.43}[PRESETS[name].scale]
    assert PRESETS[name].measured["Set5"][0] > bicubic + 1
