"""The commands of README.md and the pages work, links lead somewhere, and public names are described."""

import ast
import contextlib
import importlib
import importlib.util
import inspect
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

from keras_lisr import training, zoo
from keras_lisr.cli import make_parser
from keras_lisr.training import command

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("zoo/*.md"), *ROOT.glob("samples/*.md")]
PACKAGES = [path.parent.name for path in ROOT.glob("keras_lisr/*/__init__.py") if "__all__ =" in path.read_text()]
FENCE = re.compile(r"^ *```(\w+)[^\n]*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def blocks(page, language):
    """The code of a language on a page."""
    return [code for name, code in FENCE.findall((ROOT / page).read_text(encoding="utf-8")) if name == language]


def block_with(page, text):
    """The one block of Python on a page in which a text stands."""
    (block,) = [block for block in blocks(page, "python") if text in block]
    return block


def flags_of(recipe):
    """The parser of a recipe's own command line."""
    sys.path.insert(0, str(ROOT / "training"))
    try:
        spec = importlib.util.spec_from_file_location("recipe", ROOT / recipe)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(ROOT / "training"))
    return command.argument_parser(module.recipe) if hasattr(module, "recipe") else module.argument_parser()


@each_page
def test_commands_are_known(page):
    """Those of a cluster stand in scripts and in YAML, over several lines and among others."""
    text = "\n".join(blocks(page, "sh") + blocks(page, "yaml")).replace("\\\n", " ")
    text = re.sub(r"\n {14}(?=--)", " ", text).replace("/shared/keras_lisr/", "").replace("/opt/keras_lisr/", "")
    for line in re.findall(r"(?:keras-lisr |python training/).*", text):
        program, *arguments = shlex.split(re.sub(r" (?:&|#).*|'$", "", line))
        if program == "keras-lisr":
            make_parser().parse_args(arguments)
        if program == "python" or arguments[0] == "train":
            recipe, *flags = arguments[program != "python" :]
            if (ROOT / recipe).exists() and "table" not in recipe and flags:
                flags_of(recipe).parse_args(flags)


@each_page
def test_links_lead_somewhere(page):
    def anchors(target):
        headings = re.findall(r"^#+ (.*)", FENCE.sub("", target.read_text(encoding="utf-8")), re.MULTILINE)
        return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}

    text = re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text(encoding="utf-8")))
    for link in re.findall(r"\]\((?!\w+:)([^)\s]+)\)", text):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists() and (not anchor or anchor in anchors(target)), link


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_are_described_on_a_page(package):
    assert f'"{package}"' in (ROOT / "docs" / "hooks.py").read_text(encoding="utf-8")
    module = importlib.import_module(f"keras_lisr.{package}")
    named = {name: getattr(module, name) for name in module.__all__}
    assert [name for name, value in named.items() if callable(value) and not value.__doc__] == []


def test_readme_is_short_and_has_the_two_commands():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.split()) <= 900 and "`make upscale`" in text and "`make test`" in text


def test_networks_are_built():
    imports, builders = [], []
    for statement in ast.parse(block_with("docs/networks.md", "edsr_baseline(scale=2, ggas=True, cwss=True)")).body:
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
    exec(block_with("README.md", 'Image.open("photo.jpg")'), {})
    with Image.open("large.png") as image:
        assert image.size == (112, 96)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(block_with("docs/evaluation.md", "evaluate(upscaler"), {})
    assert "shave 4" in printed.getvalue() and "noise" in printed.getvalue()


def test_a_folder_is_upscaled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos" / "within").mkdir(parents=True)
    Image.new("RGB", (20, 10), "red").save("photos/within/red.jpg")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(block_with("docs/pictures.md", "run_jobs("), {})
    assert printed.getvalue().strip() == f"{Path('large/within/red.webp')} written"
    with Image.open("large/within/red.webp") as image:
        assert image.size == (80, 40)


def test_published_weights_are_given_both_strategies(monkeypatch):
    monkeypatch.setattr("keras_lisr.interop.load", lambda file, architecture, scale: zoo.imdn(scale), raising=False)
    names = {}
    exec(block_with("docs/import.md", "interop.load("), names)
    assert names["model"].count_params() == zoo.imdn(4, ggas=True, cwss=True).count_params()


def test_a_network_of_ones_own_is_built_and_saved(tmp_path):
    names = {"__name__": "tiny_resnet"}
    exec(block_with("docs/tutorials/new-architecture.md", "def recipe("), names)
    model = names["recipe"](2, ggas=True, cwss=True).build()
    model.save(tmp_path / "tiny.keras")
    assert zoo.load_model(tmp_path / "tiny.keras").count_params() == model.count_params()


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("docs/tutorials/train.md", 'fit(recipe, "DIV2K_train_HR"'),
        ("docs/tutorials/fine-tune.md", 'fit(recipe, "photographs"'),
    ],
)
def test_training_blocks_make_recipes(monkeypatch, page, text):
    bind, made = inspect.signature(training.fit).bind, []
    monkeypatch.setattr(training, "fit", lambda *given, **options: made.append(bind(*given, **options)))
    exec(block_with(page, text), {})
    assert made[0].arguments["recipe"].build().count_params() > 700_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "text"),
    [("docs/tutorials/train.md", "tfds.load"), ("docs/tutorials/fine-tune.md", "tfds.load")],
)
def test_data_of_a_builder_is_trained_on(tmp_path, monkeypatch, page, text):
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
    block = re.sub(r"steps=20_000", "steps=1, batch_size=1", block_with(page, text))
    block = re.sub(r"steps_per_epoch=1000, epochs=\d+", "steps_per_epoch=1, verbose=0", block)
    names = {}
    exec(block.replace("batch(16)", "batch(1)"), names)
    assert names["model"].count_params() == zoo.from_preset("imdn_x4").count_params()
