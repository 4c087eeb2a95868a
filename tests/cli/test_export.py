import os
import subprocess
import sys

import numpy as np
import pytest
from command_line import run
from PIL import Image

from keras_lisr.exported import LiteRTNetwork, read_sidecar
from keras_lisr.pictures import read_picture


@pytest.fixture
def representative(tmp_path):
    """Folder with a picture."""
    (tmp_path / "pictures").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "pictures" / "a.png")
    return tmp_path / "pictures"


def test_a_file_is_written_and_described(models, tmp_path, capfd):
    path = tmp_path / "tiny.tflite"
    assert run("export", models / "tiny.keras", "-o", path, "--quantize", "float16", "--shape", 24, 32) == 0
    printed, errors = capfd.readouterr()
    assert not errors
    size = path.stat().st_size
    first, *pictures = printed.splitlines()
    assert first == f"{path}: imdn x2 for litert, {size:,} bytes, 24 x 32 pixels, float32 in, float32 out"
    assert len(pictures) == 3
    assert all(line.startswith("  24 x 32: differs from Keras by ") and line.endswith(" dB") for line in pictures)
    assert read_sidecar(path).quantize == "float16"


def test_what_is_written_upscales(models, picture, capsys):
    path = picture.with_name("tiny.tflite")
    assert run("export", models / "tiny.npz", "-o", path, "--no-verify") == 0
    assert "differs" not in capsys.readouterr().out
    assert run("upscale", picture, "-n", path) == 0
    exported = read_picture(picture.with_name("in_x2.png")).pixels.astype(int)
    assert run("upscale", picture, "-n", models / "tiny.npz", "--precision", "float32", "--overwrite") == 0
    assert np.abs(exported - read_picture(picture.with_name("in_x2.png")).pixels).max() <= 1


def test_integers_are_calibrated_and_measured(models, representative, tmp_path, capsys, monkeypatch):
    from keras_lisr.export import litert

    monkeypatch.setattr(litert, "SIDE", 24)  # Calibration is slow.
    monkeypatch.setattr(sys.modules["keras_lisr.export.verify"], "CROPS", 4)
    (tmp_path / "Tiny" / "HR").mkdir(parents=True)
    Image.open(representative / "a.png").save(tmp_path / "Tiny" / "HR" / "b.png")
    (representative / "broken.png").write_bytes(b"")
    path = tmp_path / "tiny.tflite"
    options = ["--quantize", "int8", "--representative", representative, "--io", "uint8"]
    assert run("export", models / "tiny.keras", "-o", path, *options, "--evaluate", tmp_path / "Tiny") == 0
    measured = read_sidecar(path).psnr["Tiny"]
    printed, errors = capsys.readouterr()
    assert errors.startswith("keras-lisr: skipped broken.png: ") and errors.count("\n") == 1
    assert "uint8 in, uint8 out" in printed and "differs" not in printed
    loss = read_sidecar(path).verification["held_out"]["loss"]
    assert printed.splitlines()[-1].startswith(f"  loses {loss:.2f} dB on parts of --representative kept out")
    assert f"  Tiny: {measured['file']:.2f} dB, in Keras {measured['float']:.2f} dB (1 images)" in printed
    assert LiteRTNetwork(path).dtype == np.uint8


@pytest.mark.slow
def test_integers_are_fine_tuned(models, representative, tmp_path, monkeypatch):
    from keras_lisr.export import litert

    monkeypatch.setattr(litert, "SIDE", 24)
    options = ["--quantize", "int8", "--representative", representative, "--no-verify"]
    assert run("export", models / "tiny.keras", "-o", tmp_path / "plain.tflite", *options) == 0
    assert run("export", models / "tiny.keras", "-o", tmp_path / "tuned.tflite", *options, "--fine-tune", 2) == 0
    plain, tuned = (read_sidecar(tmp_path / f"{name}.tflite") for name in ("plain", "tuned"))
    assert (plain.verification["fine_tuned"], tuned.verification["fine_tuned"]) == (0, 2)
    assert plain.sha256 != tuned.sha256


def test_the_suffix_says_the_format_unless_it_is_named(models, tmp_path, capsys):
    assert run("export", models / "tiny.keras", "-o", tmp_path / "tiny", "--no-verify") == 0
    assert run("export", models / "tiny.keras", "-o", tmp_path / "t.v2", "--format", "saved_model", "--no-verify") == 0
    assert read_sidecar(tmp_path / "tiny").format == read_sidecar(tmp_path / "t.v2").format == "saved_model"
    assert capsys.readouterr().out.count("for saved_model") == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.keras", "-o", "a.tflite"], "`model`"),
        (["TINY", "-o", "a.pb"], "`format`"),
        (["TINY", "-o", "gone/a.tflite"], "`path`"),
        (["TINY", "-o", "a.tflite", "--quantize", "int8", "--representative", "gone"], "'gone'"),
        (["TINY", "-o", "a.tflite", "--quantize", "int8", "--representative", "EMPTY"], "`folder`"),
        (["TINY", "-o", "a.onnx", "--quantize", "float16"], "`quantize`"),
        (["TINY", "-o", "a.tflite", "--shape", "0", "24"], "`shape`"),
        (["TINY", "-o", "a.tflite", "--evaluate", "set99"], "data='set99'"),
        (["TINY", "-o", "a.tflite", "--format", "tflite"], "'tflite'"),
    ],
)
def test_errors_are_one_line_and_come_before_keras_starts(models, tmp_path, arguments, message):
    (tmp_path / "empty").mkdir()
    names = {"TINY": models / "tiny.keras", "EMPTY": tmp_path / "empty"}
    code = """
import sys
sys.modules["keras"] = sys.modules["tensorflow"] = None
from keras_lisr.cli import main
sys.exit(main(sys.argv[1:]))
"""
    command = [sys.executable, "-c", code, "export", *(str(names.get(argument, argument)) for argument in arguments)]
    environment = os.environ | {"KERAS_LISR_DATA": str(tmp_path)}
    process = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert (process.returncode, process.stdout) == (2, "")
    assert message in process.stderr and process.stderr.count("\n") == 1
    assert os.listdir(tmp_path) == ["empty"]
