"""The paper's tables as programs: every cell is trained in the same way, and an interrupted table goes on."""

import dataclasses
import importlib
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_lisr.zoo import fsrcnn

TRAINING = Path(__file__).parents[2] / "training"


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(TRAINING)
    return importlib.import_module


@pytest.mark.parametrize(("name", "count"), [("table_1", 12), ("table_2", 44)])
def test_every_network_of_the_paper_is_there_at_both_learning_rates(module, name, count):
    cells = {cell.name: cell for cell in module(name).CELLS}
    assert len(cells) == count == len({cell.folder for cell in cells.values()})
    for title, cell in cells.items():
        if title.endswith(", learning rate x2"):
            once = cells[title.removesuffix(", learning rate x2")]
            assert cell.recipe.learning_rate == 2 * once.recipe.learning_rate
            for same in ("schedule", "patch_size", "loss", "averaging"):
                assert repr(getattr(cell.recipe, same)) == repr(getattr(once.recipe, same))
    plain = [cell for title, cell in cells.items() if "," not in title and "+" not in title]
    assert len(plain) == (1 if name == "table_1" else 6)
    assert all(cell.published for cell in plain)


@pytest.fixture
def cells(module):
    def tiny(ggas):
        return partial(fsrcnn, 4, ggas=ggas, num_filters=4, num_shrunk_filters=2, num_blocks=1)

    cell = module("tables").cell
    made = [cell("fsrcnn", "fsrcnn", "31.08"), cell("fsrcnn + GGAS", "fsrcnn", "+0.08", ggas=True)]
    small = [dataclasses.replace(one.recipe, build=tiny(bool(ggas))) for ggas, one in enumerate(made)]
    return [dataclasses.replace(one, recipe=recipe) for one, recipe in zip(made, small, strict=True)]


@pytest.fixture
def flags(tmp_path):
    random = np.random.default_rng(0)
    for folder, names in {"photographs": "ab", "Tiny/HR": "c"}.items():
        (tmp_path / folder).mkdir(parents=True)
        for name in names:
            pixels = random.integers(256, size=(48, 48, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / folder / f"{name}.png")
    places = ["--data", tmp_path / "photographs", "--evaluate", tmp_path / "Tiny", "--output", tmp_path / "runs"]
    sizes = ["--steps", 2, "--batch-size", 1, "--patch-size", 32, "--seeds", 2, "--precision", "float32", "--faster", 3]
    return [str(flag) for flag in places + sizes]


def test_a_table_is_trained_measured_printed_and_gone_on_with(module, cells, flags, tmp_path, monkeypatch, capsys):
    tables = module("tables")
    trained = []
    fit = tables.fit
    monkeypatch.setattr(tables, "fit", lambda *args, **options: trained.append(args[0]) or fit(*args, **options))
    assert tables.main("Table", cells, flags) == 0
    printed, errors = capsys.readouterr()
    assert len(trained) == 4 and {(recipe.steps, recipe.batch_size) for recipe in trained} == {(2, 1)}
    assert "[4 of 4] fsrcnn + GGAS, seed 1" in errors
    files = [tmp_path / "runs" / "fsrcnn" / f"seed_{seed}" / "result.json" for seed in (0, 1)]
    results = [json.loads(file.read_text())["measured"]["Tiny"]["psnr"] for file in files]
    row = next(line for line in printed.splitlines() if line.startswith("| fsrcnn |"))
    mean, deviation = np.mean(results), np.std(results, ddof=1)
    assert f"| {mean:.2f} ± {deviation:.2f} / 0." in row and row.endswith("| 1.00 | 31.08 |")
    assert {recipe.learning_rate for recipe in trained} == {3e-3}
    stated = "2 steps of 1 patches of 32 high-resolution pixels at 3 times the recipes' learning rates, 2 seeds, "
    assert stated + "precision float32, x4" in printed

    (tmp_path / "runs/fsrcnn___GGAS/seed_1/result.json").unlink()
    assert tables.main("Table", cells, flags) == 0
    assert len(trained) == 5
    assert capsys.readouterr().out.splitlines()[:5] == printed.splitlines()[:5]

    for change in (["--steps", "3"], ["--data", str(tmp_path / "Tiny")]):
        assert tables.main("Table", cells, [*flags, *change]) == 2
        errors = capsys.readouterr().err
        assert "`output`" in errors and errors.count("error: ") == 1

    (tmp_path / "Tiny").rename(tmp_path / "Other")
    assert tables.main("Table", cells, [*flags, "--evaluate", str(tmp_path / "Other")]) == 0
    assert len(trained) == 5 and "| Other |" in capsys.readouterr().out


def test_some_cells_alone(module, cells, flags, capsys):
    assert module("tables").main("Table", cells, [*flags, "--seeds", "1", "--cells", "GGAS"]) == 0
    printed = capsys.readouterr().out
    assert "| fsrcnn + GGAS |" in printed and "| fsrcnn |" not in printed and "±" not in printed


@pytest.mark.parametrize(
    ("flag", "value"),
    [("--steps", "0"), ("--steps", "1200"), ("--cells", "none"), ("--evaluate", "nowhere"), ("--data", "nowhere")],
)
def test_errors_are_one_line_and_exit_code_2(module, cells, flags, capsys, monkeypatch, flag, value):
    monkeypatch.delenv("KERAS_LISR_DATA", raising=False)
    assert module("tables").main("Table", cells, [*flags, flag, value]) == 2
    printed, errors = capsys.readouterr()
    assert errors.count("error: ") == 1 and not printed
