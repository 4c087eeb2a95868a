import os
import signal
import subprocess
import sys
import time
import tracemalloc

import numpy as np
import pytest
from command_line import in_own_process, run, start
from picture_files import noise, pixels, upscaled
from PIL import Image

from keras_lisr import zoo
from keras_lisr.basics.preset_index import DEFAULT_PRESET
from keras_lisr.basics.whole_files import PARTIAL
from keras_lisr.batch import Job
from keras_lisr.cli import main
from keras_lisr.cli.comparison import write_comparison
from keras_lisr.data import imresize
from keras_lisr.inference import Upscaler
from keras_lisr.litert import LiteRTUpscaler
from keras_lisr.pictures import Picture, read_picture, write_picture
from keras_lisr.pictures.read import read_animation


def test_writes_beside_the_picture_by_default(picture, capsys):
    assert run("upscale", picture) == 0
    output = picture.with_name("in_x4.png")
    assert pixels(output).shape == (80, 120, 3)
    printed, errors = capsys.readouterr()
    assert printed.startswith(f"{output}: 120 x 80 pixels by {DEFAULT_PRESET} in ")
    assert not errors


def test_pictures_are_named_with_and_without_a_flag(picture):
    other = picture.with_name("other.png")
    noise(other, 8, 9)
    assert run("upscale", picture, "-i", other, "-n", "tiny_x2", "-o", picture.parent / "out") == 0
    assert sorted(os.listdir(picture.parent / "out")) == ["in.png", "other.png"]


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
    network = zoo.presets.load_model(models / name)
    expected = upscaled(Upscaler(network, tile=8, precision="float32"), pixels(picture))
    np.testing.assert_array_equal(pixels(output), expected)


def test_exported_files_are_models_too(picture, models, exported, capsys):
    output, comparison = picture.with_name("in_x2.png"), picture.with_name("compared.png")
    assert run("upscale", picture, "-n", exported / "any.tflite", "-s", 2, "-t", 8, "--compare", comparison) == 0
    result = pixels(output)
    exported_upscaler = LiteRTUpscaler(exported / "any.tflite", tile=8)
    np.testing.assert_array_equal(result, upscaled(exported_upscaler, pixels(picture)))
    upscaler = Upscaler(zoo.presets.from_preset(models / "tiny.npz"), precision="float32")
    # Without the correction of colours: where one step is rounded otherwise, it may choose another pixel for the next.
    differences = exported_upscaler(pixels(picture)).astype(int) - upscaler(pixels(picture))
    assert np.abs(differences).max() <= 1
    np.testing.assert_array_equal(pixels(comparison)[-40:, 60:], result)
    printed, errors = capsys.readouterr()
    assert printed.startswith(f"{output}: 60 x 40 pixels by {exported / 'any.tflite'} in ")
    assert not errors


def test_a_picture_smaller_than_an_exported_file_is_told(picture, exported, capsys):
    assert run("upscale", picture, "-n", exported / "static.tflite") == 0
    assert "note: the picture is smaller than the one size of this file" in capsys.readouterr().err
    noise(picture, 24, 60)
    assert run("upscale", picture, "-n", exported / "static.tflite", "--overwrite") == 0
    assert not capsys.readouterr().err
    assert pixels(picture.with_name("in_x2.png")).shape == (48, 120, 3)


def test_comparison_with_bicubic(picture, models):
    comparison = picture.with_name("compared.png")
    assert run("upscale", picture, "-n", "tiny_x2", "--compare", comparison) == 0
    both = pixels(comparison)
    assert both.shape == (both.shape[0], 120, 3)
    np.testing.assert_array_equal(both[-40:, :60], imresize(pixels(picture), 2))
    np.testing.assert_array_equal(both[-40:, 60:], pixels(picture.with_name("in_x2.png")))


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


def test_comparisons_of_wide_pictures_hold_their_middle_only(tmp_path):
    job = Job(tmp_path / "in.png", tmp_path / "out.png")
    noise(job.source, 256, 6000)
    Image.open(job.source).resize((12_000, 512)).save(job.target)
    tracemalloc.start()
    try:
        write_comparison(job, tmp_path / "compared.png", "any", 10**8)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 512 * 12_000 * 3


def test_comparison_of_pictures_without_colour(tmp_path, picture):
    deep = (np.random.default_rng(0).integers(0, 256, (20, 30, 2)) * 257).astype(np.uint16)
    write_picture(Picture(deep), tmp_path / "deep.png")
    comparison = tmp_path / "compared.png"
    assert run("upscale", tmp_path / "deep.png", "-n", "tiny_x2", "--compare", comparison) == 0
    grey = np.repeat((deep[..., :1] // 257).astype(np.uint8), 3, axis=2)
    np.testing.assert_array_equal(pixels(comparison)[-40:, :60], imresize(grey, 2))


def test_blended_tiles_are_told(picture, models, capsys):
    assert run("upscale", picture, "-n", models / "pooling.keras", "-t", 4) == 0
    assert "its tiles are blended and differ slightly" not in capsys.readouterr().err  # 36 pixels with halo: one tile.
    noise(picture, 20, 60)
    assert run("upscale", picture, "-n", models / "pooling.keras", "-t", 4, "--overwrite") == 0
    assert "its tiles are blended and differ slightly" in capsys.readouterr().err


@pytest.mark.parametrize(("ext", "name"), [("webp", "WEBP"), ("tif", "TIFF"), ("jpg", "JPEG"), (None, "PNG")])
def test_a_picture_goes_through_pipes(picture, exported, ext, name):
    options = ["--ext", ext] if ext else []
    command = ["upscale", "-", "-n", exported / "any.tflite", *options]
    done = in_own_process(*command, input=picture.read_bytes())
    assert done.returncode == 0, done.stderr
    received = picture.with_name("received")
    received.write_bytes(done.stdout)
    with Image.open(received) as image:
        assert image.format == name
    assert pixels(received).shape == (40, 60, 3)
    assert b"60 x 40 pixels by" in done.stderr


def test_what_fails_sends_nothing(picture, exported):
    done = in_own_process("upscale", "-", "-o", "-", "-n", exported / "any.tflite", input=b"no picture")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"keras-lisr: error: ") and done.stderr.count(b"\n") == 1


def test_a_file_goes_to_standard_output_and_standard_input_to_a_file(picture, exported):
    options = ["-n", exported / "any.tflite", "--ext", "png"]
    done = in_own_process("upscale", picture, "-o", "-", *options)
    assert done.returncode == 0, done.stderr
    output = picture.with_name("out.png")
    assert in_own_process("upscale", "-i", "-", "-o", output, *options, input=picture.read_bytes()).returncode == 0
    assert output.read_bytes() == done.stdout


def test_quality_and_metadata(picture):
    exif = Image.Exif()
    exif[0x010F] = "maker"
    with Image.open(picture) as image:
        image.save(picture.with_name("photo.jpg"), exif=exif)
    outputs = {name: picture.with_name(name) for name in ("good.jpg", "bad.jpg", "bare.jpg")}
    command = ["upscale", picture.with_name("photo.jpg"), "-n", "tiny_x2", "-o"]
    assert run(*command, outputs["good.jpg"]) == 0
    assert run(*command, outputs["bad.jpg"], "--quality", 10) == 0
    assert run(*command, outputs["bare.jpg"], "--strip-metadata") == 0
    assert outputs["bad.jpg"].stat().st_size < outputs["good.jpg"].stat().st_size
    assert "exif-ifd0-Make" in read_picture(outputs["good.jpg"]).metadata.fields
    assert not read_picture(outputs["bare.jpg"]).metadata.fields.get("exif-data")


def test_transparency_by_either_way(picture):
    noise(picture, 20, 30, channels=4)
    results = []
    for alpha in ("network", "bicubic"):
        output = picture.with_name(f"{alpha}.png")
        assert run("upscale", picture, "-n", "tiny_x2", "-o", output, "--alpha", alpha) == 0
        results.append(pixels(output))
    seen = [(values[..., :3] * (values[..., 3:] / 255)).mean((0, 1)) for values in (pixels(picture), *results)]
    assert np.abs(np.subtract(seen[1:], seen[0])).max() < 3  # Noise, translucent throughout.
    assert (results[0][..., 3] != results[1][..., 3]).any()


def test_animations_keep_their_timing(picture, capsys):
    frames = [Image.fromarray(np.full((10, 12, 3), value, np.uint8)) for value in (0, 120, 255)]
    source, output = picture.with_name("a.gif"), picture.with_name("a.webp")
    frames[0].save(source, save_all=True, append_images=frames[1:], duration=[100, 200, 50], loop=0)
    assert run("upscale", source, "-n", "tiny_x2", "-o", output) == 0
    animation = read_animation(output)
    assert animation.durations == [100, 200, 50]
    assert animation.frames[0].pixels.shape[:2] == (20, 24)
    assert run("upscale", source, "-n", "tiny_x2", "-o", output.with_suffix(".jpg")) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_limits(picture, exported, capsys):
    output = picture.with_name("out.png")
    command = ["upscale", picture, "-n", exported / "any.tflite", "-o", output]
    assert run(*command, "--max-pixels", 599) == 2
    assert "max-pixels" in capsys.readouterr().err
    for memory in ("64KiB", "8GiB"):  # Tiles are never smaller than their halo.
        assert run(*command, "--memory", memory, "--max-pixels", 600, "--overwrite") == 0


def failing(picture, models, exported):
    folder = picture.parent
    (folder / "text.png").write_text("no picture")
    (folder / "empty.png").touch()
    Image.effect_noise((64, 64), 50).save(folder / "whole.jpg")
    (folder / "truncated.jpg").write_bytes((folder / "whole.jpg").read_bytes()[:-400])
    (folder / "text.keras").write_text("no model")
    np.savez(folder / "other.npz", np.zeros(3))
    (folder / "other.keras").write_bytes((folder / "other.npz").read_bytes())
    (folder / "there.png").touch()
    (folder / "empty").mkdir()
    noise(folder / "wide.png", 1, 40_000)
    wide = folder / "wide.png"
    return [
        ([], "the following arguments are required: COMMAND"),
        (["enlarge"], "invalid choice: 'enlarge'"),
        (["upscale"], "IN must be pictures, or folders that hold some"),
        (["upscale", picture, "--precision", "float16"], "argument --precision: invalid choice: 'float16'"),
        (["upscale", picture, "-s", "two"], "argument -s/--scale: invalid float value: 'two'"),
        (["upscale", picture, "-s", "0"], "`scale` must be "),
        (["upscale", picture, "--width", "0"], "`width` must be "),
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
        (
            ["upscale", picture, "-n", exported / "any.tflite", "--precision", "float32"],
            "`precision` must be absent for a .tflite file, which has its own. Received: precision='float32'",
        ),
        (["upscale", picture, "-n", exported / "static.tflite", "-t", "8"], "`tile` must be None for a file for 28"),
        (["upscale", picture, "-t", "-1"], "`tile` must be a positive integer. Received: tile=-1"),
        (["upscale", picture, "--max-pixels", "0"], "`max_pixels` must be a positive integer. Received: max_pixels=0"),
        (["upscale", picture, "--quality", "0"], "`quality` must be from 1 to 100. Received: quality=0"),
        (["upscale", picture, "--memory", "much"], "argument --memory: must be a size such as 2GiB or 800MB."),
        (["upscale", picture, "--ext", "doc"], "`ext` must be auto or one of png, "),
        (["upscale", picture, "--suffix", "../x"], "`suffix` must be a part of a file's name."),
        (["upscale", picture, "-o", folder / "a.png", "--ext", "jpg"], "must be absent where OUT is a file."),
        (["upscale", picture, "--json", folder / "missing" / "log"], "`path` must be a file in an existing folder."),
        (["upscale", picture, "--json", folder / "wide.png"], "`json` must be a new file or a log."),
        (["upscale", picture, "--json", folder / "log", "--dry-run"], "`json` must be absent in a dry run."),
        (["upscale", folder / "missing.png"], "missing.png' (No such file or directory)"),
        (["upscale", folder / "empty"], "IN must be pictures, or folders that hold some"),
        (["upscale", folder / "text.png"], "text.png'"),
        (["upscale", folder / "empty.png"], "empty.png' (the file is empty)"),
        (["upscale", folder / "truncated.jpg"], "truncated.jpg'"),
        (["upscale", picture, "-o", folder / "out.psd"], "out.psd'"),
        (["upscale", picture, "-o", folder / "there.png"], "OUT must not exist yet, or --overwrite or "),
        (["upscale", picture, "-o", folder / "missing" / "out.png"], "out.png' (No such file or directory)"),
        (["upscale", picture, "-o", picture], "OUT must be another file than IN. Received: '/"),
        (["upscale", picture, "-o", picture, "--overwrite"], "OUT must be another file than IN. Received: '/"),
        (["upscale", picture, wide, "-o", folder / "text.png"], "OUT must be a folder for several pictures."),
        (["upscale", picture, wide, "--compare", folder / "c.png"], "`compare` must come with a single picture."),
        (["upscale", picture, "-s", "1.5", "--compare", folder / "c.png"], "`compare` must come with a whole `scale`"),
        (["upscale", picture, "--compare", folder / "missing" / "c.png"], "c.png' (No such file or directory)"),
        (["upscale", picture, "--compare", picture], "FILE must be another file than IN. Received: '/"),
        (["upscale", picture, "--compare", folder / "there.png"], "OUT must not exist yet, or --overwrite or "),
        (
            ["upscale", picture, "-o", folder / "a.png", "--compare", folder / "a.png"],
            "FILE must be another file than OUT. Received: '/",
        ),
        (
            ["upscale", picture, "--compare", picture.with_name("in_x4.png")],
            "FILE must be another file than OUT. Received: '/",
        ),
        (["upscale", wide, "-n", "tiny_x2", "-o", folder / "out.jpg"], "JPEG ends at 65500 a side"),
        (["upscale", "-", picture], "IN must be - alone, for standard input, or files."),
        (["upscale", "-o", "-"], "IN must be one file where OUT is -, standard output. Received: nothing"),
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

    monkeypatch.setattr("keras_lisr.pictures.PictureUpscaler.__call__", interrupt)
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
def test_an_interruption_leaves_no_half_file(picture, exported, number, exit_code):
    # So large that writing the PNG takes a while, once the temporary file is there.
    noise(picture, 700, 700)
    output = picture.with_name("in_x2.png")
    process = start("upscale", picture, "-n", exported / "any.tflite")
    while process.poll() is None and not list(picture.parent.glob(PARTIAL)):
        time.sleep(0.01)
    process.send_signal(number)
    _, errors = process.communicate(timeout=100)
    assert process.returncode == exit_code
    assert errors == "\nkeras-lisr: interrupted\n"
    assert not list(picture.parent.glob(PARTIAL))
    if output.exists():
        assert pixels(output).shape == (1400, 1400, 3)


def test_too_little_memory_is_one_line(picture, monkeypatch, capsys):
    def exhausted(*arguments, **options):
        raise MemoryError("Unable to allocate 3.62 GiB")

    monkeypatch.setattr("keras_lisr.batch.worker.read_picture", exhausted)
    assert main(["upscale", str(picture)]) == 2
    assert capsys.readouterr().err == "keras-lisr: error: out of memory; Unable to allocate 3.62 GiB\n"


def test_a_log_is_neither_read_nor_written_as_a_picture(picture, models, capsys):
    for log, out in (
        (picture.with_name("in_x2.png"), []),
        (picture.with_name("o.png"), ["-o", picture.with_name("o.png")]),
        (picture.with_name("c.png"), ["--compare", picture.with_name("c.png")]),
    ):
        assert run("upscale", picture, *out, "-n", models / "tiny.npz", "--json", log) == 2
        assert "`json` must be another file than IN, OUT and that of `compare`" in capsys.readouterr().err
        assert not log.exists()


def test_no_tile_is_automatic_and_no_output_refused(picture, models, capsys):
    assert run("upscale", picture, "-n", models / "tiny.npz", "-t", 0) == 0
    assert run("upscale", picture, "-n", models / "tiny.npz", "-o", "") == 2
    assert "OUT must be a file or a folder. Received: ''" in capsys.readouterr().err


def test_closed_streams(picture, models):
    command = f"{sys.executable} -m keras_lisr upscale -n {models / 'tiny.npz'}"

    def call(rest):
        return subprocess.run(f"{command} {rest}", shell=True, capture_output=True, text=True)

    done = call(f"{picture} -o {picture.with_name('closed.png')} >&-")
    assert (done.returncode, done.stderr) == (0, "") and pixels(picture.with_name("closed.png")).any()
    for rest, name in ((f"{picture} -o - >&-", "output"), (f"- -o {picture.with_name('none.png')} <&-", "input")):
        done = call(rest)
        assert done.returncode == 2
        assert (
            done.stderr
            == f"keras-lisr: error: Standard {name} must be open where it is named. Received: '-', and it is closed\n"
        )
