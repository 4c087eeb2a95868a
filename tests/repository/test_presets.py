"""Every preset of the package loads, is what the index says, and measures what the index says."""

import json
import zipfile

import numpy as np
import pytest

from keras_lisr.basics.preset_index import DEFAULT_PRESET, FOLDER, presets
from keras_lisr.data import BenchmarkSet
from keras_lisr.evaluation import evaluate, multiply_accumulates, parameters
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
    files = {file.name for file in FOLDER.iterdir() if file.suffix == ".npz"}
    assert files == {preset.file for preset in PRESETS.values()}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name == DEFAULT_PRESET else [pytest.mark.slow]) for name in PRESETS]
)
def test_measures_on_set5_what_the_index_says(name, benchmarks):
    preset = PRESETS[name]
    result = evaluate(Upscaler(from_preset(name), precision="float32"), BenchmarkSet(benchmarks / "Set5", preset.scale))
    assert (result.psnr, result.ssim) == pytest.approx(preset.measured["Set5"], abs=2e-3)


@pytest.mark.parametrize("name", PRESETS)
def test_beats_bicubic(name):
    bicubic = {2: 33.67, 3: 30.40, 4: 28.43}[PRESETS[name].scale]
    assert PRESETS[name].measured["Set5"][0] > bicubic + 1
