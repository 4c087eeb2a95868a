"""Exported files are run where neither Keras nor TensorFlow is installed."""

import os
import shutil
import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from picture_files import enlarge

from keras_lisr.exported import ExportedUpscaler
from keras_lisr.inference import Upscaler
from keras_lisr.pictures import Picture, read_picture, write_picture

ROOT = Path(__file__).parents[2]

BLOCKED = """
import importlib, pkgutil, sys
sys.modules |= {"keras": None, "tensorflow": None}
import keras_lisr.batch, keras_lisr.cli, keras_lisr.pictures, keras_lisr.exported
for package in (keras_lisr.batch, keras_lisr.cli, keras_lisr.pictures, keras_lisr.exported):
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
assert "ai_edge_litert" not in sys.modules
assert keras_lisr.cli.main(["models"]) == 0
raise SystemExit(keras_lisr.cli.main(["upscale", *sys.argv[1:]]))
"""


@pytest.fixture
def picture(image, tmp_path):
    write_picture(Picture(image), tmp_path / "in.png")
    return tmp_path / "in.png"


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Folder of the programs of an environment with this package and only what its runtime needs."""
    folder = tmp_path_factory.mktemp("without_keras")
    venv.create(folder / "venv", symlinks=os.name == "posix")
    programs = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--retries", "1"]
    install = [*pip, "--python", programs / "python", "install", "--quiet", "--no-compile"]
    packages = [f"ai-edge-litert=={version('ai-edge-litert')}", "numpy", "pillow", "pyvips", "pyvips-binary", "tqdm"]
    installed = subprocess.run([*install, *packages], capture_output=True, text=True)
    if "(from versions: none)" in installed.stderr:
        pytest.skip(f"there is no package index: {installed.stderr.splitlines()[-1]}")
    assert installed.returncode == 0, installed.stderr

    # Of a copy, because setuptools builds beside the source.
    source = folder / "source"
    shutil.copytree(ROOT / "keras_lisr", source / "keras_lisr", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    installed = subprocess.run([*install, "--no-deps", source], capture_output=True, text=True)
    assert installed.returncode == 0, installed.stderr
    return programs


def call(*command):
    """Runs a command outside this project's folder and returns its output; it must succeed without a message."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=ROOT.anchor)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_runtime_and_the_command_import_neither(litert_file, picture, image):
    output = picture.with_name("out.png")
    call(sys.executable, "-c", BLOCKED, picture, "-n", litert_file("any"), "-o", output)
    np.testing.assert_array_equal(read_picture(output).pixels, enlarge(ExportedUpscaler(litert_file("any")), image))


def test_a_picture_is_upscaled_without_them(environment, networks, litert_file, picture, image):
    missing = "from importlib.util import find_spec; print([find_spec(name) for name in ('keras', 'tensorflow')])"
    assert call(environment / "python", "-c", missing) == "[None, None]\n"

    output, comparison = picture.with_name("out.png"), picture.with_name("compared.png")
    files = [picture, "-n", litert_file("any"), "-o", output, "--compare", comparison]
    printed = call(environment / "keras-lisr", "upscale", *files, "-t", 9, "-s", 2)
    assert printed.startswith(f"{output}: 106 x 80 pixels by {litert_file('any')} in ")
    result = read_picture(output).pixels
    np.testing.assert_array_equal(result, enlarge(ExportedUpscaler(litert_file("any"), tile=9), image))
    by_keras = enlarge(Upscaler(networks["exact"], precision="float32"), image)
    assert np.abs(result.astype(int) - by_keras).max() <= 1
    assert read_picture(comparison).pixels.shape[1] == 2 * 106

    for name in ("static", "uint8"):
        call(environment / "keras-lisr", "upscale", picture, "-n", litert_file(name), "-o", output, "--overwrite")
        np.testing.assert_array_equal(read_picture(output).pixels, enlarge(ExportedUpscaler(litert_file(name)), image))


def test_a_folder_is_upscaled_without_them(environment, litert_file, picture, image):
    album, out = picture.parent / "album", picture.parent / "out"
    (album / "within").mkdir(parents=True)
    write_picture(Picture(image), album / "a.png")
    write_picture(Picture(image[..., :1]), album / "within" / "grey.png")
    folder = ["upscale", album, "-r", "-o", out, "-n", litert_file("any")]
    assert ": 2 planned\n" in call(environment / "keras-lisr", *folder, "--dry-run")
    assert ": 2 written\n" in call(environment / "keras-lisr", *folder)
    expected = enlarge(ExportedUpscaler(litert_file("any")), image)
    np.testing.assert_array_equal(read_picture(out / "a.png").pixels, expected)
    assert read_picture(out / "within" / "grey.png").pixels.shape == (80, 106, 1)


def test_what_needs_no_network_works_without_them(environment):
    assert "upscale" in call(environment / "keras-lisr", "--help")
    assert "--compare" in call(environment / "keras-lisr", "upscale", "--help")
    assert "imdn_x4" in call(environment / "keras-lisr", "models")


def test_presets_need_neither_but_are_run_by_them_if_asked(environment, picture):
    command = [environment / "keras-lisr", "upscale", picture, "-o", picture.with_name("out.png")]
    assert call(*command).endswith(" litert float32\n")
    assert call(*command, "--overwrite", "--precision", "int8").endswith(" litert int8\n")
    done = subprocess.run([*command, "--overwrite", "--engine", "tensorflow"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("keras-lisr: error: keras must be installed") and done.stderr.count("\n") == 1
