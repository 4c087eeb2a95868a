"""A release is whole and small, and upscales a picture in a fresh environment."""

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from keras_lisr.basics.preset_index import presets

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
MOST_BYTES = 30e6


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)], check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *folder.iterdir()], check=True)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


def test_presets_are_in_and_tests_are_out(released):
    wheel, sdist = released
    with tarfile.open(sdist) as archive:
        inside = {
            wheel: zipfile.ZipFile(wheel).namelist(),
            sdist: [name.partition("/")[2] for name in archive.getnames()],
        }
    for file, names in inside.items():
        assert file.stat().st_size < MOST_BYTES
        assert not [name for name in names if name.startswith(("tests", "runs", "benchmarks")) or "unfinished" in name]
        for preset in presets():
            assert f"keras_lisr/zoo/presets/{preset.file}" in names
            assert f"keras_lisr/zoo/presets/{preset.exported('float16').name}" in names
        assert "keras_lisr/py.typed" in names


def test_the_first_example_runs_from_the_wheel(released, tmp_path):
    """Needs the package index, or a cache of it."""
    venv.create(tmp_path / "fresh", with_pip=True)
    programs = tmp_path / "fresh" / ("Scripts" if sys.platform == "win32" else "bin")
    without = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # It may name this package.
    sample, result = ROOT / "samples" / "lanterns.png", tmp_path / "large.png"
    for command in (
        [programs / "python", "-m", "pip", "install", "--quiet", released[0]],
        [programs / "keras-lisr", "upscale", sample, "-o", result],
    ):
        subprocess.run(command, check=True, cwd=tmp_path, env=without)
    with Image.open(sample) as before, Image.open(result) as after:
        assert after.size == (4 * before.width, 4 * before.height)
