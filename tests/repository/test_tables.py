"""The paper's tables as programs: cells that are paired, trained in one way, and gone on with where they stopped."""

import importlib
import json
import math
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from keras_lisr import zoo
from keras_lisr.training import Recipe, halving

TRAINING = Path(__file__).parents[2] / "training"
TINY = {"fsrcnn": {"num_filters": 8, "num_shrunk_filters": 8}, "imdn": {"num_filters": 8, "num_blocks": 2}}


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(TRAINING)
    return importlib.import_module


@pytest.fixture
def tables(module, monkeypatch):
    """The module, in which networks are tiny and patches small."""
    presets, tables = module("presets"), module("tables")
    monkeypatch.setattr(presets, "recipe_of", lambda name: partial(tiny_recipe, name))
    monkeypatch.setattr(tables, "Plan", partial(presets.Plan, patch=8))
    presets.label_data.cache_clear()
    return tables


def tiny_recipe(name, scale, **options):
    build = partial(getattr(zoo, name), scale, **TINY[name], **options)
    return Recipe(build=build, scale=scale, steps=9, learning_rate=1, schedule=halving(1 / 5))


@pytest.fixture
def networks(tables):
    cells = [tables.Cell("tiny", {}, "31.08"), tables.Cell("tiny + GGAS", {"ggas": True}, "+0.08")]
    return [
        tables.Network(
            recipe="fsrcnn",
            cells=cells,
            steps=8,
            seeds=2,
            rates={"muon": 1e-3, "adam": 3e-3},
            batch_size=2,
            precision="float32",
        )
    ]


@pytest.fixture
def flags(tmp_path):
    random = np.random.default_rng(0)
    folders = {"photographs": "abc", **{f"{name}/HR": "d" for name in ("Set5", "Set14", "DIV2K_valid_part")}}
    for folder, names in folders.items():
        (tmp_path / folder).mkdir(parents=True)
        for name in names:
            pixels = np.cumsum(random.integers(-9, 10, size=(48, 48, 3)), axis=1) + 128
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / folder / f"{name}.png")
    places = {"data": "photographs", "output": "runs"}
    given = [part for name, place in places.items() for part in (f"--{name}", str(tmp_path / place))]
    return [*given, "--data-root", str(tmp_path), "--json", str(tmp_path / "results.json")]


@pytest.fixture
def started(tables, monkeypatch):
    """The folders of the runs that were trained, and how."""
    started = []
    fit = tables.fit

    def noting_fit(recipe, images, folder, **options):
        started.append((f"{folder.parent.name}/{folder.name}", recipe, images))
        return fit(recipe, images, folder, **options)

    monkeypatch.setattr(tables, "fit", noting_fit)
    return started


RATE_RUNS = [f"{cell}/rate_{rate}" for cell in ("tiny", "tiny_GGAS") for rate in ("0.001", "0.002")]
SEED_RUNS = [f"{cell}/seed_{seed}" for seed in (0, 1) for cell in ("tiny", "tiny_GGAS")]


def test_cells_are_trained_and_compared_once(module, tables, networks, flags, started, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(tables, "RATES", (1.0, 2.0))
    assert tables.main("Table", networks, flags) == 0
    printed = capsys.readouterr().out
    assert [run for run, _, _ in started] == RATE_RUNS + SEED_RUNS
    recipes = [recipe for _, recipe, _ in started]
    assert [recipe.steps for recipe in recipes] == [2] * 4 + [8] * 4
    assert {(recipe.optimizer, recipe.batch_size, recipe.patch_size) for recipe in recipes} == {("muon", 2, 32)}
    assert len({repr(recipe.schedule) for recipe in recipes}) == 1

    bicubic, plain, ggas = json.loads((tmp_path / "results.json").read_text())["Table, muon, originals"]
    assert bicubic["means"].keys() == {"Set5", "Set14", "DIV2K_valid_part"}
    for row, trained in ((plain, recipes[4::2]), (ggas, recipes[5::2])):
        assert len(row["rates"]) == 2
        assert row["rate"] == float(max(row["rates"], key=row["rates"].get))
        assert {recipe.learning_rate for recipe in trained} == {row["rate"]}
        assert row["measured"].keys() == {"0", "1"}
    first, second = (ggas["measured"][seed]["Set5"]["psnr"] - plain["measured"][seed]["Set5"]["psnr"] for seed in "01")
    expected = (first + second) / 2, 12.706 * abs(first - second) / 2
    assert ggas["gains"]["Set5"]["psnr"] == pytest.approx(expected, abs=1e-9)
    assert ggas["parameters"] > plain["parameters"] and "gains" not in plain
    row = next(line for line in printed.splitlines() if line.startswith("| tiny + GGAS |"))
    assert f"{expected[0]:+.3f} ± {expected[1]:.3f}" in row and row.endswith("| +0.08 |")

    assert tables.main("Table", networks, flags) == 0
    assert capsys.readouterr().out == printed and len(started) == 8

    assert module("table_figures").main([str(tmp_path / "results.json"), "-o", str(tmp_path)]) == 0
    with Image.open(capsys.readouterr().out.strip()) as figure:
        assert figure.width > 1000


def test_it_goes_on_between_two_runs_and_within_one(tables, networks, flags, started, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(tables, "RATES", (1.0,))
    flags += ["--seeds", "1"]
    fit = tables.fit

    def interrupted_fit(recipe, images, folder, **options):
        fit(recipe, images, folder, **options, hours=1e-9 if "GGAS/seed" in str(folder) else None)
        if "GGAS/seed" in str(folder):
            raise KeyboardInterrupt
        return keras.saving.load_model(folder / "averaged.keras")

    monkeypatch.setattr(tables, "fit", interrupted_fit)
    assert tables.main("Table", networks, flags) == 130
    assert tables.main("Table", networks, [*flags, "--table"]) == 0
    assert "| tiny |" in (printed := capsys.readouterr().out) and "GGAS" not in printed
    monkeypatch.setattr(tables, "fit", fit)
    started.clear()
    assert tables.main("Table", networks, flags) == 0
    assert [run for run, _, _ in started] == ["tiny_GGAS/seed_0"]
    starts = json.loads((tmp_path / "runs/muon_originals/tiny_GGAS/seed_0/run.json").read_text())
    assert [start["first_step"] for start in starts] == [0, 2]
    assert "± " not in capsys.readouterr().out.split("\n\n")[2]

    monkeypatch.setattr(tables, "ROUNDS", 1)
    assert tables.main("Table", networks, [*flags, "--table", "--time"]) == 0
    plain, ggas = capsys.readouterr().out.splitlines()[-2:]
    assert float(plain.split(" | ")[-2]) > 0 and " (" in ggas.split(" | ")[-2]

    for change in (["--steps", "12"], ["--data", str(tmp_path / "Set5" / "HR")]):
        assert tables.main("Table", networks, [*flags, *change]) == 2
        errors = capsys.readouterr().err
        assert "`output`" in errors and errors.count("error: ") == 1
    assert len(started) == 1


def test_another_optimizer_and_a_teacher(tables, networks, flags, started, monkeypatch, tmp_path):
    monkeypatch.setattr(tables, "RATES", (1.0,))
    (tmp_path / "teachers").mkdir()
    zoo.fsrcnn(4, **TINY["fsrcnn"]).save(tmp_path / "teachers" / "x4.keras")
    way = ["--optimizer", "adam", "--teachers", str(tmp_path / "teachers"), "--cells", "tiny", "--seeds", "1"]
    assert tables.main("Table", networks, [*flags, *way]) == 0
    assert [run for run, _, _ in started] == ["tiny/rate_0.003", "tiny/seed_0"]
    for _, recipe, images in started:
        assert recipe.optimizer == "adam" and recipe.learning_rate == 3e-3
        assert images.labels is not None
    assert (tmp_path / "runs/adam_teacher/tiny/seed_0/result.json").exists()
    assert "Table, adam, teacher" in json.loads((tmp_path / "results.json").read_text())


def test_what_diverges_is_not_chosen_and_not_compared(tables, networks, flags, monkeypatch, tmp_path, capsys):
    def diverging_fit(recipe, images, folder, **options):
        if recipe.learning_rate > 1e-3 or folder.match("tiny_GGAS/seed_1"):
            raise FloatingPointError("the loss was not finite at step 1")
        return recipe.build()

    monkeypatch.setattr(tables, "fit", diverging_fit)
    assert tables.main("Table", networks, flags) == 0
    _, plain, ggas = json.loads((tmp_path / "results.json").read_text())["Table, muon, originals"]
    assert plain["rates"]["0.002"] == 0 and plain["rate"] <= 1e-3
    mean, half = ggas["gains"]["Set5"]["psnr"]
    assert half is None
    assert mean == ggas["measured"]["0"]["Set5"]["psnr"] - plain["measured"]["0"]["Set5"]["psnr"]
    assert "| 1 of 2, the rest diverged |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("table", "name"), [("table_1", "shallow_edsr"), ("table_2", "imdn"), ("table_2", "idn"), ("table_2", "fsrcnn")]
)
def test_shared_layers_start_from_the_same_weights(module, table, name):
    flags = module("tables").argument_parser("").parse_args(["--data", "x", "--output", "y"])
    network = next(each for each in module(table).NETWORKS if each.recipe == name)
    plain, *others = [seeded_weights(module("tables").Runs(network, cell, flags).recipe()) for cell in network.cells]
    for weights in others:
        assert plain.keys() <= weights.keys()
        for path, value in plain.items():
            np.testing.assert_array_equal(weights[path], value, err_msg=path)
    guided = [weights for weights in others if "global_attention/depthwise/kernel" in weights]
    for path in set.intersection(*map(set, guided)):
        np.testing.assert_array_equal(guided[0][path], guided[-1][path], err_msg=path)


def seeded_weights(recipe):
    keras.utils.set_random_seed(3)
    return {weight.path: weight.numpy() for weight in recipe.build().weights}


def test_intervals_by_hand(module):
    intervals = module("table_intervals")
    mean, half = intervals.mean_interval([1.0, 2.0, 4.5])
    assert mean == 2.5
    assert half == pytest.approx(4.303 * math.sqrt((1.5**2 + 0.5**2 + 2.0**2) / 2) / math.sqrt(3))
    assert intervals.mean_interval([3.0]) == (3.0, None)
    assert intervals.mean_interval(range(40))[1] == pytest.approx(2.131 * math.sqrt(40 * 41 / 12) / math.sqrt(40))
    assert intervals.show((0.0412, 0.0411), 3) == "**+0.041 ± 0.041**"
    assert intervals.show((-0.0412, 0.05), 3) == "-0.041 ± 0.050"
    assert intervals.show((0.5, None), 1) == "+0.5" and intervals.show(31.0, 2) == "31.00"


@pytest.mark.parametrize(("name", "count"), [("table_1", 10), ("table_2", 22), ("table_choices", 4)])
def test_every_network_of_the_paper_is_there(module, name, count):
    flags = module("tables").argument_parser("").parse_args(["--data", "x", "--output", "y"])
    runs = [module("tables").Runs(each, cell, flags) for each in module(name).NETWORKS for cell in each.cells]
    assert sum(bool(one.cell.published) for one in runs) == count
    assert len({one.folder for one in runs}) == len({one.cell.name for one in runs})
    for one in runs:
        assert one.recipe().steps == one.network.steps and one.recipe(share=1 / 4).steps * 4 == one.network.steps
        assert one.settings() == json.loads(json.dumps(one.settings()))
        assert not one.network.cells[0].options


def test_a_later_block_guides_those_after_it(module):
    plain = zoo.imdn(2, attention=None, num_filters=8, num_blocks=4)
    guided = module("table_choices").guide_from(2, plain)
    kinds = [type(guided.get_layer(f"block_{i}")).__name__ for i in range(1, 5)]
    assert kinds == ["Identity", "Identity", "Multiply", "Multiply"]
    attention = guided.get_layer("global_attention")
    assert attention.input is guided.get_layer("block_2").output
    assert guided.count_params() == plain.count_params() + attention.count_params()


@pytest.mark.parametrize(("flag", "value"), [("--steps", "0"), ("--cells", "none"), ("--data", "nowhere")])
def test_errors_are_one_line_and_exit_code_2(tables, networks, flags, capsys, flag, value):
    assert tables.main("Table", networks, [*flags, flag, value]) == 2
    printed, errors = capsys.readouterr()
    assert errors.count("error: ") == 1 and not printed
