import os

import numpy as np
import pytest
from command_line import run, start
from picture_files import enlarge, noise, pixels
from PIL import Image

from keras_lisr import zoo
from keras_lisr.basics.preset_index import DEFAULT_PRESET, find_preset
from keras_lisr.batch import Job, Plan
from keras_lisr.cli import make_parser
from keras_lisr.cli.upscale_pictures import estimate_work, make_request
from keras_lisr.exported import ExportedUpscaler
from keras_lisr.inference import Upscaler
from keras_lisr.pictures import Size


def test_writes_beside_the_picture_by_default(picture, capsys):
    assert run("upscale", picture) == 0
    output = picture.with_name("in_x4.png")
    assert pixels(output).shape == (80, 120, 3)
    printed, errors = capsys.readouterr()
    assert printed.startswith(f"{output}: 120 x 80 pixels by {DEFAULT_PRESET} in ")
    assert not errors


@pytest.mark.parametrize(
    ("options", "width", "height", "preset"),
    [
        (["-s", "2"], 60, 40, "tiny_x2"),
        (["-s", "1.5"], 45, 30, "tiny_x2"),
        (["-s", "3"], 90, 60, DEFAULT_PRESET),
        (["-s", "5"], 150, 100, DEFAULT_PRESET),
        (["--width", "75"], 75, 50, DEFAULT_PRESET),
        (["--height", "50", "-n", "tiny_x2"], 75, 50, "tiny_x2"),
        (["--width", "33", "--height", "44"], 33, 44, DEFAULT_PRESET),
        (["--max-megapixels", "0.0024"], 60, 40, DEFAULT_PRESET),
    ],
)
def test_the_result_has_the_size_that_is_asked_for(picture, capsys, options, width, height, preset):
    assert run("upscale", picture, "-o", picture.with_name("out.png"), *options) == 0
    assert pixels(picture.with_name("out.png")).shape == (height, width, 3)
    assert f": {width} x {height} pixels by {preset} in" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "name"),
    [(["-s", "1.5"], "in_x1.5.png"), (["--width", "75"], "in_resized.png"), (["--suffix", "_big"], "in_big.png")],
)
def test_the_name_says_the_size(picture, options, name):
    assert run("upscale", picture, "-n", "tiny_x2", *options) == 0
    assert sorted(os.listdir(picture.parent)) == ["in.png", name]


@pytest.mark.parametrize("name", ["tiny.keras", "tiny.npz"])
def test_files_are_models_too(picture, models, name):
    output = picture.with_name("out.tif")
    assert run("upscale", picture, "-o", output, "-n", models / name, "-t", 8, "--precision", "float32") == 0
    network = zoo.load_model(models / name)
    expected = enlarge(Upscaler(network, tile=8, precision="float32"), pixels(picture))
    np.testing.assert_array_equal(pixels(output), expected)


def test_exported_files_are_models_too(picture, models, exported, capsys):
    output, comparison = picture.with_name("in_x2.png"), picture.with_name("compared.png")
    assert run("upscale", picture, "-n", exported / "any.tflite", "-s", 2, "-t", 8, "--compare", comparison) == 0
    result = pixels(output)
    exported_upscaler = ExportedUpscaler(exported / "any.tflite", tile=8)
    np.testing.assert_array_equal(result, enlarge(exported_upscaler, pixels(picture)))
    upscaler = Upscaler(zoo.from_preset(models / "tiny.npz"), precision="float32")
    # Without the correction of colours: where one step is rounded otherwise, it may choose another pixel for the next.
    differences = exported_upscaler(pixels(picture)).astype(int) - upscaler(pixels(picture))
    assert np.abs(differences).max() <= 1
    np.testing.assert_array_equal(pixels(comparison)[-40:, 60:], result)
    printed, errors = capsys.readouterr()
    assert printed.startswith(f"{output}: 60 x 40 pixels by {exported / 'any.tflite'} in ")
    assert not errors


def test_a_picture_smaller_than_an_exported_file_is_told(picture, exported, capsys):
    assert run("upscale", picture, "-n", exported / "static.tflite") == 0
    assert "note: " in capsys.readouterr().err
    noise(picture, 24, 60)
    assert run("upscale", picture, "-n", exported / "static.tflite", "--overwrite") == 0
    assert not capsys.readouterr().err
    assert pixels(picture.with_name("in_x2.png")).shape == (48, 120, 3)


def test_comparisons_show_the_middle_of_large_pictures(tmp_path, picture, monkeypatch):
    noise(tmp_path / "in.png", 301, 400)
    for name in ("whole", "strips"):
        targets = ["-o", tmp_path / f"{name}.png", "--compare", tmp_path / f"{name}_compared.png"]
        # The limit is that of pictures, and not of results.
        assert run("upscale", tmp_path / "in.png", "-n", "tiny_x2", *targets, "--max-pixels", 301 * 400) == 0
        monkeypatch.setattr("keras_lisr.pictures.upscale.MOST_PIXELS", 1000)
    whole, strips = (pixels(tmp_path / f"{name}_compared.png") for name in ("whole", "strips"))
    np.testing.assert_array_equal(whole, strips)
    np.testing.assert_array_equal(whole[-512:, 512:], pixels(tmp_path / "whole.png")[44:556, 144:656])


def test_a_comparison_shows_what_was_asked_for_or_nothing(picture, capsys):
    output, comparison = picture.with_name("out.png"), picture.with_name("c.png")
    command = ["upscale", picture, "-o", output, "--skip-existing", "--compare", comparison]
    assert run("upscale", picture, "-o", output, "-s", 2) == 0
    content = output.read_bytes()
    for options in (["-s", 4], ["-n", DEFAULT_PRESET]):  # What is there is of another size.
        assert run(*command, *options) == 2
        assert "`compare`" in capsys.readouterr().err
        assert output.read_bytes() == content and not comparison.exists()
    assert run(*command, "-s", 2) == 0
    np.testing.assert_array_equal(pixels(comparison)[:, 60:], pixels(output))
    comparison.write_text("mine")
    assert run(*command, "-s", 2) == 0
    assert comparison.read_text() == "mine" and "c.png: exists, skipped\n" in capsys.readouterr().out


def test_what_failed_is_not_compared(picture, tmp_path, capsys):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "broken.png").write_text("no picture")
    assert run("upscale", folder, "-o", tmp_path / "out", "-n", "tiny_x2", "--compare", tmp_path / "c.png") == 1
    assert "1 of 1 pictures failed" in capsys.readouterr().err and not (tmp_path / "c.png").exists()


def test_blended_tiles_are_told(picture, models, capsys):
    assert run("upscale", picture, "-n", models / "pooling.keras", "-t", 4) == 0
    assert "note: " not in capsys.readouterr().err  # 36 pixels with halo: one tile.
    noise(picture, 20, 60)
    assert run("upscale", picture, "-n", models / "pooling.keras", "-t", 4, "--overwrite") == 0
    assert "note: " in capsys.readouterr().err


def test_options_become_a_plan(picture):
    command = ["upscale", picture, "-n", "tiny_x2", "-t", 0, "--precision", "float32", "--quality", 10, "--width", 7]
    command += ["--strip-metadata", "--memory", "1KiB", "--max-pixels", 99, "--overwrite"]
    request = make_request(make_parser().parse_args(list(map(str, command))))
    assert request.plan == Plan(
        precision="float32",
        size=Size(width=7),
        memory=1024,
        max_pixels=99,
        quality=10,
        strip_metadata=True,
        overwrite=True,
    )


def test_every_frame_of_an_animation_is_work(tmp_path):
    frames = [Image.new("RGB", (12, 10), colour) for colour in ("red", "green", "blue")]
    frames[0].save(tmp_path / "one.gif")
    frames[0].save(tmp_path / "three.gif", save_all=True, append_images=frames[1:])
    one, three = (
        estimate_work([Job(tmp_path / f"{name}.gif", tmp_path / "a.gif")], find_preset(), Size())
        for name in ("one", "three")
    )
    assert three == pytest.approx(3 * one) and one > 0


def failing(picture, models, exported):
    folder = picture.parent
    (folder / "text.png").write_text("no picture")
    (folder / "empty.png").touch()
    (folder / "there.png").touch()
    (folder / "empty").mkdir()
    noise(folder / "wide.png", 1, 40_000)
    wide = folder / "wide.png"
    return [
        ([], "COMMAND"),
        (["enlarge"], "'enlarge'"),
        (["upscale"], "IN must be"),
        (["upscale", picture, "--precision", "float16"], "--precision"),
        (["upscale", picture, "-s", "two"], "--scale"),
        (["upscale", picture, "-s", "0"], "`scale`"),
        (["upscale", picture, "--width", "0"], "`width`"),
        (["upscale", picture, "-n", "large"], "`name`"),
        (["upscale", picture, "-n", folder / "missing.keras"], "`model`"),
        (["upscale", picture, "-n", exported / "static.tflite", "-t", "8"], "`tile`"),
        (["upscale", picture, "-t", "-1"], "`tile`"),
        (["upscale", picture, "--memory", "much"], "--memory"),
        (["upscale", picture, "--ext", "doc"], "`ext`"),
        (["upscale", picture, "--suffix", "../x"], "`suffix`"),
        (["upscale", picture, "-o", ""], "OUT"),
        (["upscale", picture, "-o", folder / "a.png", "--ext", "jpg"], "`ext`"),
        (["upscale", picture, "--json", folder / "missing" / "log"], "`path`"),
        (["upscale", picture, "--json", picture], "in.png', twice"),
        (["upscale", picture, "-o", folder / "o.png", "--json", folder / "o.png"], "o.png', twice"),
        (["upscale", picture, "-o", "-"], "`path`"),
        (["upscale", picture, "--json", wide], "`json`"),
        (["upscale", picture, "--quality", "90"], "`quality`"),
        (["upscale", picture, "--workers", "2"], "`workers`"),
        (["upscale", picture, "-n", exported / "static.tflite", "--precision", "bfloat16"], "`precision`"),
        (["upscale", picture, "-n", exported / "static.tflite", "--engine", "tensorflow"], "`engine`"),
        (["upscale", picture, "--engine", "onnxruntime"], "`engine`"),
        (["upscale", picture, "-n", "tiny_x2", "--precision", "int8"], "`precision`"),
        (["upscale", folder / "missing.png"], "missing.png' (No such file or directory)"),
        (["upscale", folder / "empty"], "IN must be"),
        (["upscale", folder / "text.png"], "text.png'"),
        (["upscale", folder / "empty.png"], "empty.png'"),
        (["upscale", picture, "-o", folder / "out.psd"], "out.psd'"),
        (["upscale", picture, "-o", folder / "there.png"], "there.png'"),
        (["upscale", picture, "-o", picture, "--overwrite"], "OUT"),
        (["upscale", picture, wide, "-o", folder / "text.png"], "OUT"),
        (["upscale", picture, wide, "--compare", folder / "c.png"], "`compare`"),
        (["upscale", picture, "-s", "1.5", "--compare", folder / "c.png"], "`compare`"),
        (["upscale", picture, "--compare", folder / "missing" / "c.png"], "c.png'"),
        (["upscale", picture, "--compare", folder / "c.psd"], "c.psd'"),
        (["upscale", picture, "--compare", picture], "in.png', twice"),
        (["upscale", picture, "--compare", folder / "there.png"], "there.png'"),
        (["upscale", wide, "-n", "tiny_x2", "-o", folder / "out.jpg"], "JPEG ends at 65500 a side"),
        (["upscale", "-"], "IN must be"),
    ]


def test_errors_are_one_line_and_exit_code_2(picture, models, exported, capsys):
    before = None
    for arguments, message in failing(picture, models, exported):
        before = before or sorted(os.listdir(picture.parent))
        assert run(*arguments) == 2, arguments
        printed, errors = capsys.readouterr()
        assert not printed
        assert errors.startswith("keras-lisr: error: ")
        assert message in errors, arguments
        assert errors.count("\n") == 1
    assert sorted(os.listdir(picture.parent)) == before


def test_the_command_says_nothing_but_its_own(picture):
    process = start("upscale", picture, "-n", "fsrcnn_x4")
    printed, errors = process.communicate(timeout=100)
    assert process.returncode == 0
    assert printed.count("\n") == 1
    assert not errors
