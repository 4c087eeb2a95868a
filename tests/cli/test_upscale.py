import os
import signal
import time

import numpy as np
import pytest
from command_line import run, start
from litert_files import write_litert
from PIL import Image

from keras_lisr import zoo
from keras_lisr.cli import main
from keras_lisr.data import imresize
from keras_lisr.inference import Upscaler, read_picture, write_picture
from keras_lisr.preset_index import DEFAULT_PRESET
from keras_lisr.runtime import LiteRTUpscaler
from keras_lisr.whole_files import PARTIAL


@pytest.fixture(scope="module")
def exported(models, tmp_path_factory):
    """Folder with the tiny network as LiteRT files: for any size, for one size, and without a sidecar."""
    folder = tmp_path_factory.mktemp("exported")
    network = zoo.presets.from_preset(models / "tiny.npz")
    write_litert(network, folder / "any.tflite")
    write_litert(network, folder / "static.tflite", shape=(24, 28))
    (folder / "alone.tflite").write_bytes((folder / "any.tflite").read_bytes())
    return folder


def test_writes_beside_the_picture_by_default(picture, capsys):
    assert run("upscale", picture) == 0
    output = picture.with_name("in_x4.png")
    assert read_picture(output).shape == (80, 120, 3)
    printed, errors = capsys.readouterr()
    assert printed.startswith(f"{output}: 120 x 80 pixels by {DEFAULT_PRESET} in ")
    assert not errors


def test_scale_picks_the_preset(picture, capsys):
    assert run("upscale", picture, "-s", 2) == 0
    assert read_picture(picture.with_name("in_x2.png")).shape == (40, 60, 3)
    assert "by tiny_x2 in" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["tiny.keras", "tiny.npz"])
def test_files_are_models_too(picture, models, name):
    output = picture.with_name("out.bmp")
    assert run("upscale", picture, "-o", output, "-n", models / name, "-t", 8, "--precision", "float32") == 0
    network = zoo.presets.from_preset(models / "tiny.npz")
    expected = Upscaler(network, tile=8, precision="float32")(read_picture(picture))
    error = read_picture(output).astype(int) - expected
    assert np.abs(error).max() <= (0 if name == "tiny.npz" else 1)  # The .keras file has not been through float16.


def test_exported_files_are_models_too(picture, models, exported, capsys):
    output, comparison = picture.with_name("in_x2.png"), picture.with_name("compared.png")
    assert run("upscale", picture, "-n", exported / "any.tflite", "-s", 2, "-t", 8, "--compare", comparison) == 0
    result = read_picture(output)
    np.testing.assert_array_equal(result, LiteRTUpscaler(exported / "any.tflite", tile=8)(read_picture(picture)))
    expected = Upscaler(zoo.presets.from_preset(models / "tiny.npz"), precision="float32")(read_picture(picture))
    assert np.abs(result.astype(int) - expected).max() <= 1
    np.testing.assert_array_equal(read_picture(comparison)[-40:, 60:], result)
    printed, errors = capsys.readouterr()
    assert printed.startswith(f"{output}: 60 x 40 pixels by {exported / 'any.tflite'} in ")
    assert not errors


def test_a_picture_smaller_than_an_exported_file_is_told(picture, exported, capsys):
    assert run("upscale", picture, "-n", exported / "static.tflite") == 0
    assert "note: the picture is smaller than the one size of this file" in capsys.readouterr().err
    write_picture(np.zeros((24, 60, 3), np.uint8), picture)
    assert run("upscale", picture, "-n", exported / "static.tflite") == 0
    assert not capsys.readouterr().err
    assert read_picture(picture.with_name("in_x2.png")).shape == (48, 120, 3)


def test_comparison_with_bicubic(picture, models):
    comparison = picture.with_name("compared.png")
    assert run("upscale", picture, "-n", "tiny_x2", "--compare", comparison) == 0
    both = read_picture(comparison)
    assert both.shape == (both.shape[0], 120, 3)
    np.testing.assert_array_equal(both[-40:, :60], imresize(read_picture(picture), 2))
    np.testing.assert_array_equal(both[-40:, 60:], read_picture(picture.with_name("in_x2.png")))


def test_blended_tiles_are_told(picture, models, capsys):
    assert run("upscale", picture, "-n", models / "pooling.keras", "-t", 4) == 0
    assert "its tiles are blended and differ slightly" not in capsys.readouterr().err  # 36 pixels with halo: one tile.
    write_picture(np.zeros((20, 60, 3), np.uint8), picture)
    assert run("upscale", picture, "-n", models / "pooling.keras", "-t", 4) == 0
    assert "its tiles are blended and differ slightly" in capsys.readouterr().err


def failing(picture, models, exported):
    folder = picture.parent
    (folder / "text.png").write_text("no picture")
    (folder / "empty.png").touch()
    Image.effect_noise((64, 64), 50).save(folder / "whole.jpg")
    (folder / "truncated.jpg").write_bytes((folder / "whole.jpg").read_bytes()[:-400])
    (folder / "text.keras").write_text("no model")
    np.savez(folder / "other.npz", np.zeros(3))
    (folder / "other.keras").write_bytes((folder / "other.npz").read_bytes())
    wide = folder / "wide.png"
    write_picture(np.zeros((1, 40_000, 3), np.uint8), wide)
    return [
        ([], "the following arguments are required: COMMAND"),
        (["enlarge"], "invalid choice: 'enlarge'"),
        (["upscale"], "the following arguments are required: IN"),
        (["upscale", picture, "--precision", "float16"], "argument --precision: invalid choice: 'float16'"),
        (["upscale", picture, "-s", "two"], "argument -s/--scale: invalid int value: 'two'"),
        (["upscale", picture, "-s", "3"], "`scale` must be that of a preset (2, 4). Received: scale=3"),
        (["upscale", picture, "-n", "tiny_x2", "-s", "4"], "`scale` must be that of 'tiny_x2' (2). Received: scale=4"),
        (["upscale", picture, "-n", models / "tiny.npz", "-s", "4"], "tiny.npz (2). Received: scale=4"),
        (["upscale", picture, "-n", "large"], "`name` must be a preset (tiny_x2, imdn_x4), "),
        (["upscale", picture, "-n", folder / "missing.keras"], "`model` must be an existing file. Received: model='/"),
        (
            ["upscale", picture, "-n", folder / "text.keras"],
            "`model` must be a .keras, .npz or .tflite file. Received: model='/",
        ),
        (["upscale", picture, "-n", folder / "other.npz"], "`path` must be a preset file. Received: path='/"),
        (["upscale", picture, "-n", folder / "other.keras"], "`model` must be a model that Keras can load. Received: "),
        (["upscale", picture, "-n", folder / "missing.tflite"], "`model` must be an existing file. Received: model='/"),
        (["upscale", picture, "-n", exported / "alone.tflite"], "`path` must have a sidecar beside it, "),
        (["upscale", picture, "-n", exported / "any.tflite", "-s", "4"], "any.tflite (2). Received: scale=4"),
        (
            ["upscale", picture, "-n", exported / "any.tflite", "--precision", "float32"],
            "`precision` must be absent for a .tflite file, which has its own. Received: precision='float32'",
        ),
        (["upscale", picture, "-n", exported / "static.tflite", "-t", "8"], "`tile` must be None for a file for 28"),
        (["upscale", picture, "-t", "0"], "`tile` must be a positive integer. Received: tile=0"),
        (["upscale", folder / "missing.png"], "missing.png' (No such file or directory)"),
        (["upscale", folder / "text.png"], "text.png' (cannot identify image file"),
        (["upscale", folder / "empty.png"], "empty.png' (the file is empty)"),
        (["upscale", folder / "truncated.jpg"], "truncated.jpg' (image file is truncated"),
        (["upscale", picture, "-o", folder / "out.gif"], "out.gif'"),
        (["upscale", picture, "-o", folder / "missing" / "out.png"], "out.png' (No such file or directory)"),
        (["upscale", picture, "-o", folder], "`path` must end in one of "),
        (["upscale", picture, "-o", picture], "OUT must be another file than IN. Received: '/"),
        (["upscale", picture, "--compare", folder / "missing" / "c.png"], "c.png' (No such file or directory)"),
        (["upscale", picture, "--compare", picture], "FILE must be another file than IN. Received: '/"),
        (
            ["upscale", picture, "-o", folder / "a.png", "--compare", folder / "a.png"],
            "FILE must be another file than OUT. Received: '/",
        ),
        (
            ["upscale", picture, "--compare", picture.with_name("in_x4.png")],
            "FILE must be another file than OUT. Received: '/",
        ),
        (["upscale", wide, "-n", "tiny_x2", "-o", folder / "out.jpg"], "JPEG ends at 65500 a side"),
    ]


def test_errors_are_one_line_and_exit_code_2(picture, models, exported, capsys):
    before = None
    for arguments, message in failing(picture, models, exported):
        before = before or sorted(os.listdir(picture.parent))
        assert run(*arguments) == 2, arguments
        printed, errors = capsys.readouterr()
        assert not printed
        assert errors.startswith("keras-lisr: error: ")
        assert message in errors
        assert errors.count("\n") == 1
    assert sorted(os.listdir(picture.parent)) == before


def test_ctrl_c_is_exit_code_130(picture, monkeypatch, capsys):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(Upscaler, "__call__", interrupt)
    assert run("upscale", picture) == 130
    assert capsys.readouterr().err == "\nkeras-lisr: interrupted\n"
    assert os.listdir(picture.parent) == ["in.png"]


def test_the_command_says_nothing_but_its_own(picture, models):
    process = start("upscale", picture, "-n", models / "tiny.npz")
    printed, errors = process.communicate(timeout=100)
    assert process.returncode == 0
    assert printed.count("\n") == 1
    assert not errors


def test_an_error_of_the_command_has_no_traceback(tmp_path):
    process = start("upscale", tmp_path / "missing.png", "-n", tmp_path / "missing.keras")
    printed, errors = process.communicate(timeout=100)
    assert process.returncode == 2
    assert not printed
    assert errors.startswith("keras-lisr: error: `model` must be an existing file.")
    assert errors.count("\n") == 1


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_leaves_no_half_file(picture, models, number, exit_code):
    # So large that writing the PNG takes seconds, once the temporary file is there.
    noise = np.random.default_rng(0).integers(0, 256, (1600, 1600, 3), dtype=np.uint8)
    write_picture(noise, picture)
    process = start("upscale", picture, "-n", models / "tiny.npz")
    while process.poll() is None and not list(picture.parent.glob(PARTIAL)):
        time.sleep(0.01)
    process.send_signal(number)
    _, errors = process.communicate(timeout=100)
    assert process.returncode == exit_code
    assert errors == "\nkeras-lisr: interrupted\n"
    assert os.listdir(picture.parent) == ["in.png"]


def test_too_little_memory_is_one_line(picture, monkeypatch, capsys):
    def exhausted(*arguments):
        raise MemoryError("Unable to allocate 3.62 GiB")

    monkeypatch.setattr("keras_lisr.inference.image_io.read_picture", exhausted)
    assert main(["upscale", str(picture)]) == 2
    assert capsys.readouterr().err == "keras-lisr: error: out of memory; Unable to allocate 3.62 GiB\n"
