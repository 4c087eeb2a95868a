"""The queue that trains the presets: it goes on where it stopped, and nothing in the package gets worse by it."""

import dataclasses
import importlib
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_lisr.basics import preset_index
from keras_lisr.training import Recipe, warmup_cosine
from keras_lisr.zoo import from_preset, fsrcnn

TRAINING = Path(__file__).parents[2] / "training"
SIZES = {"num_filters": 8, "num_shrunk_filters": 8, "num_blocks": 1}


@pytest.fixture
def queue(monkeypatch, tmp_path):
    """The module, with two tiny plans and an empty index."""
    monkeypatch.syspath_prepend(TRAINING)
    queue = importlib.import_module("presets")
    plans = [
        queue.Plan(
            name=f"tiny_x{scale}",
            use="tests",
            recipe="tiny",
            scale=scale,
            options={},
            steps=20,
            learning_rate=5e-3,
            precision="float32",
        )
        for scale in (2, 4)
    ]
    (tmp_path / "package").mkdir()
    monkeypatch.setattr(preset_index, "FOLDER", tmp_path / "package")
    preset_index.write_index([])
    monkeypatch.setattr(queue, "PLANS", [dataclasses.replace(plan, patch=8, batch_size=2) for plan in plans])
    monkeypatch.setattr(queue, "recipe_of", lambda name: tiny_recipe)
    monkeypatch.setattr(queue, "fit", partial(queue.fit, steps_per_epoch=10))
    queue.label_data.cache_clear()
    return queue


def tiny_recipe(scale):
    return Recipe(build=partial(fsrcnn, scale, **SIZES), scale=scale, steps=9, learning_rate=1, schedule=warmup_cosine)


@pytest.fixture
def flags(tmp_path):
    random = np.random.default_rng(0)
    folders = {"photographs": "abc", **{f"{name}/HR": "d" for name in ("Set5", "Set14", "DIV2K_valid_part")}}
    for folder, names in folders.items():
        (tmp_path / folder).mkdir(parents=True)
        for name in names:
            pixels = np.cumsum(random.integers(-9, 10, size=(48, 48, 3)), axis=1) + 128
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / folder / f"{name}.png")
    (tmp_path / "teachers").mkdir()
    for scale in (2, 4):
        fsrcnn(scale, **SIZES).save(tmp_path / "teachers" / f"x{scale}.keras")
    places = {"data": "photographs", "output": "runs", "teachers": "teachers"}
    given = [part for name, place in places.items() for part in (f"--{name}", str(tmp_path / place))]
    return [*given, "--data-root", str(tmp_path)]


@pytest.mark.slow
def test_every_preset_is_trained_measured_and_entered(queue, flags, capsys):
    assert queue.main(flags) == 0
    index = {preset.name: preset for preset in preset_index.presets()}
    assert set(index) == {"tiny_x2", "tiny_x4"}
    for plan in queue.PLANS:
        preset = index[plan.name]
        assert from_preset(plan.name).output_shape[-1] == 3
        assert preset.arguments == {"scale": plan.scale, **SIZES}
        assert set(preset.measured) == {"Set5", "Set14", "DIV2K_valid_part"}
        assert preset.trained["plan"] == queue.as_json(plan)
        assert 0 <= preset.trained["off_colours"] <= 125
        assert queue.is_finished(plan)
    printed = capsys.readouterr().out
    assert "| tiny_x2 | 20 |" in printed and "| tiny_x4 | 20 |" in printed


@pytest.mark.slow
def test_it_goes_on_where_it_stopped(queue, flags, monkeypatch, capsys):
    started = []
    fit = queue.fit
    monkeypatch.setattr(queue, "fit", lambda *args, **options: started.append(args[2].name) or fit(*args, **options))
    assert queue.main([*flags, "--hours", "1e-9"]) == 0
    assert "| tiny_x2 | 10 of 20 |" in capsys.readouterr().out
    assert not preset_index.presets()
    assert queue.main([*flags, "--only", "tiny_x2"]) == 0
    assert queue.main(flags) == 0
    assert queue.main(flags) == 0
    assert started == ["tiny_x2", "tiny_x2", "tiny_x4"]


def test_a_preset_stays_where_nothing_better_came_out(queue, flags, monkeypatch, tmp_path, capsys):
    only = [*flags, "--only", "tiny_x2"]
    assert queue.main(only) == 0
    before = preset_index.presets()
    no_better = dataclasses.replace(queue.PLANS[0], start="tiny_x2", learning_rate=1e-12)
    monkeypatch.setattr(queue, "PLANS", [no_better])
    only[only.index(str(tmp_path / "runs"))] = str(tmp_path / "other_runs")
    assert queue.main(only) == 0
    assert preset_index.presets() == before
    assert "tiny_x2 stays" in capsys.readouterr().err


def test_the_table_trains_nothing(queue, flags, tmp_path, capsys):
    assert queue.main([*flags, "--table"]) == 0
    assert not (tmp_path / "runs").exists()
    assert "| tiny_x4 | 0 of 20 |" in capsys.readouterr().out


def test_an_unknown_preset_is_one_line(queue, flags, capsys):
    assert queue.main([*flags, "--only", "nothing"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_every_plan_of_the_project_makes_a_recipe(monkeypatch):
    monkeypatch.syspath_prepend(TRAINING)
    module = importlib.import_module("presets")
    names = [plan.name for plan in module.PLANS]
    assert len(names) == len(set(names))
    for plan in module.PLANS:
        assert f"_x{plan.scale}" in plan.name and plan.use
        assert plan.make_recipe().optimizer == "muon"
        assert json.loads(json.dumps(module.as_json(plan))) == module.as_json(plan)
