"""What README.md tells people to type, and what it says was measured."""

import ast
import contextlib
import importlib.util
import io
import re
import shlex
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_lisr import zoo
from keras_lisr.basics.preset_index import presets
from keras_lisr.cli import make_parser
from keras_lisr.training import command

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = PYTHON.findall(README)
TYPED = PYTHON.sub("", README).replace("\\\n", " ")  # A command may go over several lines.
COMMANDS = [line.split("#")[0].strip() for line in re.findall(r"^    (\S.*)$", TYPED, re.MULTILINE)]


def block_with(text):
    """The one block of Python in which a text stands."""
    (block,) = [block for block in BLOCKS if text in block]
    return block


def flags_of(recipe):
    """The parser of a recipe's own command line."""
    spec = importlib.util.spec_from_file_location("recipe", ROOT / recipe)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return command.argument_parser(module.recipe) if hasattr(module, "recipe") else module.argument_parser()


def test_opens_with_the_two_commands():
    assert COMMANDS[:2] == ["make upscale", "make test"]
    makefile = (ROOT / "Makefile").read_text()
    assert all(re.search(rf"^{name.split()[1]}:", makefile, re.MULTILINE) for name in COMMANDS[:2])


def test_every_command_is_known():
    for line in COMMANDS[3:]:
        program, *arguments = shlex.split(line)
        if program == "keras-lisr":
            make_parser().parse_args(arguments)
        else:
            assert program == "python"
            recipe, *flags = arguments
            flags_of(recipe).parse_args(flags)


def test_commands_of_docs_are_known():
    """Those of docs/scaling.md stand in scripts, over several lines."""
    text = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8").replace("\\\n", " ")
    text = re.sub(r"\n {14}(?=--)", " ", text)  # YAML folds lines.
    commands = re.findall(r"keras-lisr train \S*training/(\w+\.py) (--[^\n&]*)", text)
    assert len(commands) == 4
    text = (ROOT / "docs" / "fine-tuning.md").read_text(encoding="utf-8")
    commands += re.findall(r"keras-lisr train \S*training/(\w+\.py) (--.*)", text)
    for line in re.findall(r"^keras-lisr upscale .*$", text, re.MULTILINE):
        make_parser().parse_args(shlex.split(line, comments=True)[1:])
    for recipe, flags in commands:
        arguments = shlex.split(flags.replace("'", ""))
        make_parser().parse_args(["train", f"training/{recipe}", *arguments])
        flags_of(f"training/{recipe}").parse_args(arguments)


def test_networks_are_built():
    imports, builders = [], []
    for statement in ast.parse(block_with("edsr_baseline(scale=2, ggas=True, cwss=True)")).body:
        (builders if isinstance(statement, ast.Expr) else imports).append(ast.unparse(statement))
    names = {}
    exec("\n".join(imports), names)
    assert all(eval(builder, names).output_shape == (None, None, None, 3) for builder in builders)
    assert len(builders) == 6


def test_a_picture_is_upscaled_and_a_set_measured(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (24, 28, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("photo.jpg")
    (tmp_path / "datasets" / "Set5" / "HR").mkdir(parents=True)
    Image.fromarray(pixels).save("datasets/Set5/HR/noise.png")
    names = {}
    exec(block_with('Image.open("photo.jpg")'), names)
    assert names["large"].shape == (96, 112, 3)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(block_with("evaluate(upscaler"), names)
    assert "shave 4" in printed.getvalue() and "noise" in printed.getvalue()


def test_a_folder_is_upscaled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos" / "within").mkdir(parents=True)
    Image.new("RGB", (20, 10), "red").save("photos/within/red.jpg")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(block_with("run_jobs("), {})
    assert printed.getvalue().strip() == f"{Path('large/within/red.webp')} written"
    with Image.open("large/within/red.webp") as image:
        assert image.size == (80, 40)


def test_published_weights_are_given_both_strategies(monkeypatch):
    monkeypatch.setattr("keras_lisr.interop.load", lambda file, architecture, scale: zoo.imdn(scale), raising=False)
    names = {}
    exec(block_with("interop.load("), names)
    assert names["model"].count_params() == zoo.imdn(4, ggas=True, cwss=True).count_params()


def test_the_training_block_makes_a_recipe(monkeypatch):
    made = []
    monkeypatch.setattr("keras_lisr.training.fit", lambda recipe, *arguments, **options: made.append(recipe))
    exec(block_with("Recipe("), {})
    assert made[0].build().count_params() > 700_000


@pytest.mark.slow
def test_data_of_a_builder_is_trained_on(tmp_path, monkeypatch):
    """By `fit` and by Keras alone, on data of the structure that the builder of DIV2K gives, as far as two steps."""
    random = np.random.default_rng(0)
    shapes = [((48 + i, 50, 3), (4 * (48 + i), 200, 3)) for i in range(2)]
    pairs = [tuple(random.integers(256, size=shape, dtype=np.uint8) for shape in pair) for pair in shapes]
    images = tf.TensorSpec((None, None, 3), tf.uint8)
    supervised = tf.data.Dataset.from_generator(lambda: iter(pairs), output_signature=(images, images))
    examples = supervised.map(lambda low, high: {"lr": low, "hr": high})
    builder = types.ModuleType("tensorflow_datasets")
    builder.load = lambda name, split, as_supervised=False: supervised if as_supervised else [examples, examples]
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", builder)
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "fine-tuning.md").read_text(encoding="utf-8")
    text = re.sub(r"steps=20_000", "steps=1, batch_size=1", text)
    text = re.sub(r"steps_per_epoch=1000, epochs=\d+", "steps_per_epoch=1, verbose=0", text).replace(
        "batch(16)", "batch(1)"
    )
    blocks = PYTHON.findall(text)
    assert len(blocks) == 2
    for block in blocks:
        names = {}
        exec(block, names)
        assert names["model"].count_params() == zoo.from_preset("imdn_x4").count_params()


@pytest.mark.parametrize("preset", presets(), ids=lambda preset: preset.name)
def test_measured_numbers_are_those_of_the_index(preset):
    (row,) = [line for line in README.splitlines() if line.startswith(f"| preset `{preset.name}`")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    measured = [preset.measured[name] for name in ("Set5", "Set14", "DIV2K_valid_part")]
    assert cells[1:] == [f"{psnr:.2f} / {ssim:.4f}" for psnr, ssim in measured]
