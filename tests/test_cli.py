import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

import keras_lisr
from keras_lisr import preset_index, zoo
from keras_lisr.cli import main
from keras_lisr.data import imresize
from keras_lisr.inference import Upscaler, read_picture, write_picture
from keras_lisr.preset_index import DEFAULT_PRESET
from keras_lisr.whole_files import PARTIAL
from keras_lisr.zoo.presets import register_preset, save_preset

ARGUMENTS = {"scale": 2, "num_filters": 8, "num_blocks": 1, "attention": None}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folder with one tiny network as a preset file, and as a .keras file."""
    folder = tmp_path_factory.mktemp("models")
    network = zoo.imdn(**ARGUMENTS)
    network.save(folder / "tiny.keras")
    save_preset(network, folder / "tiny.npz", builder="imdn", arguments=ARGUMENTS)
    zoo.imdn(2, num_filters=16, num_blocks=1).save(folder / "pooling.keras")
    return folder


@pytest.fixture(scope="module")
def index(models, tmp_path_factory):
    """Folder of presets: the default one and one of another scale."""
    folder = tmp_path_factory.mktemp("presets")
    preset_index.write_index([], folder)
    arguments = {**ARGUMENTS, "scale": 4}
    save_preset(zoo.imdn(**arguments), models / "x4.npz", builder="imdn", arguments=arguments)
    measured = {"Set5": (31.234, 0.88), "Set14": (28.0, 0.77)}
    register_preset("tiny_x2", models / "tiny.npz", multiply_accumulates=1_230_000_000, measured={}, folder=folder)
    register_preset(DEFAULT_PRESET, models / "x4.npz", multiply_accumulates=4 * 10**9, measured=measured, folder=folder)
    return folder


@pytest.fixture
def picture(tmp_path, index, monkeypatch):
    monkeypatch.setattr(preset_index, "FOLDER", index)
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    write_picture(pixels, tmp_path / "in.png")
    return tmp_path / "in.png"


def run(*arguments):
    return main([str(argument) for argument in arguments])


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
    expected = Upscaler(zoo.presets.from_preset(models / "tiny.npz"), precision="float32")(read_picture(picture))
    error = read_picture(output).astype(int) - expected
    assert np.abs(error).max() <= (0 if name == "tiny.npz" else 1)  # The .keras file has not been through float16.


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


def test_models_are_listed(picture, capsys):
    assert run("models") == 0
    heading, first, default, _, note = capsys.readouterr().out.splitlines()
    assert heading.split() == ["preset", "scale", "parameters", "multiply-accumulates", "Set5", "(dB)", "Set14", "(dB)"]
    assert first.split()[:2] + first.split()[3:] == ["tiny_x2", "x2", "1.2", "G", "-", "-"]
    assert default.split()[3:] == ["4.0", "G", "31.23", "28.00"]
    assert note.endswith(f"Default: {DEFAULT_PRESET}.")


def failing(picture, models):
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
            "`model` must be a .keras or .npz file. Received: model='/",
        ),
        (["upscale", picture, "-n", folder / "other.npz"], "`path` must be a preset file. Received: path='/"),
        (["upscale", picture, "-n", folder / "other.keras"], "`model` must be a model that Keras can load. Received: "),
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


def test_errors_are_one_line_and_exit_code_2(picture, models, capsys):
    before = None
    for arguments, message in failing(picture, models):
        before = before or sorted(os.listdir(picture.parent))
        assert run(*arguments) == 2, arguments
        printed, errors = capsys.readouterr()
        assert not printed
        assert errors.startswith("keras-lisr: error: ")
        assert message in errors
        assert errors.count("\n") == 1
    assert sorted(os.listdir(picture.parent)) == before


def test_version(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"keras-lisr {keras_lisr.__version__}\n"


def test_ctrl_c_is_exit_code_130(picture, monkeypatch, capsys):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(Upscaler, "__call__", interrupt)
    assert run("upscale", picture) == 130
    assert capsys.readouterr().err == "\nkeras-lisr: interrupted\n"
    assert os.listdir(picture.parent) == ["in.png"]


# Shells start what runs in the background deaf to Ctrl-C, and these tests may.
COMMAND = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("keras_lisr", run_name="__main__", alter_sys=True)
"""


def start(*arguments):
    environment = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


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


def test_what_needs_no_network_does_not_start_keras(picture):
    program = (
        "import sys; from keras_lisr.cli import main; main(['models']); "
        "assert main(['upscale', 'missing.png', '-n', sys.argv[1]]) == 2; assert 'keras' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program, __file__], check=True, capture_output=True)


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


RECIPE = '''"""Tiny, and 99 dB."""
import sys
from functools import partial
from keras_lisr.training import Recipe, halving, main
from keras_lisr.zoo import fsrcnn

def recipe(scale: int = 2, *, ggas: bool = False):
    build = partial(fsrcnn, scale, ggas=ggas, num_filters=4, num_shrunk_filters=2, num_blocks=1)
    return Recipe(build=build, scale=scale, steps=2, learning_rate=1e-3, schedule=halving(every=0.5), patch_size=16,
                  batch_size=1)

if __name__ == "__main__":
    sys.exit(main(recipe))
'''


@pytest.fixture
def recipe(tmp_path):
    (tmp_path / "photographs").mkdir()
    for name in ("a", "b"):
        write_picture(np.full((20, 20, 3), 99, np.uint8), tmp_path / "photographs" / f"{name}.png")
    (tmp_path / "tiny.py").write_text(RECIPE)
    return tmp_path / "tiny.py"


def test_train_is_the_recipes_own_command(recipe, tmp_path, capsys):
    flags = ["--scale", "2", "--ggas", "--data", tmp_path / "photographs", "--precision", "float32"]
    assert run("train", recipe, *flags, "--output", tmp_path / "by_command") == 0
    own = [sys.executable, str(recipe), *map(str, flags), "--output", str(tmp_path / "by_recipe")]
    subprocess.run(own, check=True, capture_output=True)
    logs = [(tmp_path / name / "log.csv").read_text() for name in ("by_command", "by_recipe")]
    assert logs[0] == logs[1] and len(logs[0].splitlines()) == 2


def test_train_shows_the_recipes_flags(recipe, capsys):
    with pytest.raises(SystemExit) as stopped:
        run("train", recipe, "--help")
    shown = capsys.readouterr().out
    assert stopped.value.code == 0
    assert f"usage: keras-lisr train {recipe}" in shown and "99 dB" in shown and "--ggas" in shown


def test_errors_of_train_are_one_line_and_exit_code_2(recipe, tmp_path, capsys):
    (tmp_path / "other.py").write_text("x = 1")
    (tmp_path / "recipe.txt").write_text(RECIPE)
    for arguments, message in {
        ("nowhere.py",): "RECIPE must be a Python file such as training/imdn.py. Received: 'nowhere.py'",
        (tmp_path / "recipe.txt",): "RECIPE must be a Python file",
        (tmp_path / "other.py",): "RECIPE must define a function `recipe`",
        (recipe, "--data", "nowhere", "--output", tmp_path / "run"): "`folder` must be an existing folder",
    }.items():
        assert run("train", *arguments) == 2
        errors = capsys.readouterr().err
        assert message in errors and len(errors.strip().splitlines()) == 1
