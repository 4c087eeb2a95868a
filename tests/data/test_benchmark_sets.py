import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from keras_lisr.data.benchmark_sets import BenchmarkSet, find_benchmark_set
from keras_lisr.data.imresize import imresize


def save(pixels, file):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)


@pytest.fixture
def originals(tmp_path):
    """Two originals in a folder without low-resolution files."""
    random = np.random.default_rng(0)
    images = {name: random.integers(0, 256, (21, 30, 3), dtype=np.uint8) for name in ("a", "b")}
    for name, image in images.items():
        save(image, tmp_path / "Tiny" / "HR" / f"{name}.png")
    return images


def low_resolution_file(tmp_path, name, scale=4):
    return tmp_path / "Tiny" / "LR_bicubic" / f"X{scale}" / f"{name}x{scale}.png"


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_missing_low_resolution_files_are_made(tmp_path, originals, scale):
    benchmark_set = BenchmarkSet(tmp_path / "Tiny", scale)
    assert benchmark_set.name == "Tiny"
    assert benchmark_set.low_resolution_source == "imresize"
    assert len(benchmark_set) == 2
    images = list(benchmark_set)
    assert [image.name for image in images] == ["a", "b"]
    for name, low_resolution, high_resolution in images:
        cropped = originals[name][: 21 // scale * scale, : 30 // scale * scale]
        np.testing.assert_array_equal(high_resolution, cropped)
        np.testing.assert_array_equal(low_resolution, imresize(cropped, 1 / scale))


def test_low_resolution_files_are_used_and_the_original_is_cropped_to_them(tmp_path, originals):
    for name in ("a", "b", "without_original"):
        save(np.full((5, 7, 3), 7, np.uint8), low_resolution_file(tmp_path, name))
    benchmark_set = BenchmarkSet(str(tmp_path / "Tiny"), scale=4)
    assert benchmark_set.low_resolution_source == "LR_bicubic/X4"
    images = list(benchmark_set)
    assert [image.name for image in images] == ["a", "b"]
    for name, low_resolution, high_resolution in images:
        np.testing.assert_array_equal(low_resolution, np.full((5, 7, 3), 7, np.uint8))
        np.testing.assert_array_equal(high_resolution, originals[name][:20, :28])


@pytest.mark.usefixtures("originals")
@pytest.mark.parametrize("shape", [(6, 7, 3), (5, 6, 3)])
def test_low_resolution_file_must_fit_its_original(tmp_path, shape):
    for name in ("a", "b"):
        save(np.zeros(shape, np.uint8), low_resolution_file(tmp_path, name))
    with pytest.raises(ValueError, match="ax4.png"):
        next(iter(BenchmarkSet(tmp_path / "Tiny", scale=4)))


def test_the_layout_of_div2k_and_plain_folders(tmp_path):
    black = np.zeros((8, 8, 3), np.uint8)
    for part in ("train", "valid"):
        save(black, tmp_path / "DIV2K" / f"DIV2K_{part}_HR" / f"{part}.webp")
    save(black[:2, :2], tmp_path / "DIV2K" / "DIV2K_valid_LR_bicubic" / "X4" / "validx4.webp")
    for folder in ("DIV2K", "DIV2K/DIV2K_valid_HR"):
        benchmark_set = BenchmarkSet(tmp_path / folder, scale=4)
        assert [image.name for image in benchmark_set] == ["valid"]
        assert benchmark_set.low_resolution_source == "DIV2K_valid_LR_bicubic/X4"
    save(black, tmp_path / "photos" / "inner" / "a.tif")
    plain = BenchmarkSet(tmp_path / "photos", scale=2)
    assert [image.name for image in plain] == ["a"] and plain.low_resolution_source == "imresize"


@pytest.mark.usefixtures("originals")
def test_sets_are_found_by_name(tmp_path, monkeypatch):
    assert find_benchmark_set(tmp_path / "Tiny") == tmp_path / "Tiny"
    assert find_benchmark_set("tiny", tmp_path) == tmp_path / "Tiny"
    monkeypatch.delenv("KERAS_LISR_DATA", raising=False)
    with pytest.raises(ValueError, match="`data`"):
        find_benchmark_set("tiny")
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "Tiny").rename(tmp_path / "benchmarks" / "Tiny")
    monkeypatch.setenv("KERAS_LISR_DATA", str(tmp_path))
    assert find_benchmark_set("TINY") == tmp_path / "benchmarks" / "Tiny"
    with pytest.raises(ValueError, match="`data`"):
        find_benchmark_set("set5")


@pytest.mark.parametrize("scale", [1, 2.0])
@pytest.mark.usefixtures("originals")
def test_scale_must_be_an_integer_above_one(tmp_path, scale):
    with pytest.raises(ValueError, match="`scale`"):
        BenchmarkSet(tmp_path / "Tiny", scale)


@pytest.mark.parametrize(("name", "scale", "count"), [("Set5", 2, 5), ("DIV2K_valid_part", 4, 3)])
def test_public_sets(benchmarks, name, scale, count):
    benchmark_set = BenchmarkSet(benchmarks / name, scale)
    assert benchmark_set.low_resolution_source == f"LR_bicubic/X{scale}"
    assert len(benchmark_set) == count
    for _, low_resolution, high_resolution in benchmark_set:
        height, width, _ = low_resolution.shape
        assert high_resolution.shape == (scale * height, scale * width, 3)


def test_importing_data_starts_no_framework():
    command = "import sys, keras_lisr.data; sys.exit(bool({'keras', 'tensorflow'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", command], check=True)
