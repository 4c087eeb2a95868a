"""Every recipe under training/ builds, says what it promises, and runs two steps."""

import dataclasses
import importlib.util
import inspect
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from keras_lisr import zoo
from keras_lisr.training import Recipe, fit

TRAINING = Path(__file__).parents[2] / "training"
RECIPES = sorted(file.stem for file in TRAINING.glob("*.py") if not file.stem.startswith(("table", "presets")))
SMALL = {
    "fsrcnn": {},
    "memnet": {"num_filters": 8, "num_blocks": 2, "num_recursions": 2},
    "carn": {"num_filters": 8},
    "idn": {"num_filters": 16, "num_blocks": 1},
    "edsr_baseline": {"num_filters": 8, "num_blocks": 2},
    "imdn": {"num_filters": 16, "num_blocks": 2},
    "rcan": {"num_filters": 16, "num_blocks": 1, "num_residual_blocks": 2},
    "shallow_edsr": {"num_filters": 8, "num_blocks": 2},
    "smfanet": {"num_filters": 8, "num_blocks": 2},
}
SMALL_DEFAULT = {"default": SMALL["imdn"]}


def load(name):
    spec = importlib.util.spec_from_file_location(f"training_{name}", TRAINING / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_architecture_has_a_recipe():
    builders = inspect.getmembers(zoo, inspect.isfunction)
    architectures = {name for name, builder in builders if "scale" in inspect.signature(builder).parameters}
    assert architectures == set(SMALL) <= set(RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_says_what_it_promises(name):
    text = load(name).__doc__
    assert f"python training/{name}.py" in text
    official = ("patches of", "clipped", "Initialization") if name in SMALL else ()
    for stated in ("dB", "L1", "Adam", *official):
        assert stated in text


@pytest.mark.parametrize("name", sorted(SMALL))
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_builds_its_network_at_every_scale_and_doubles_the_learning_rate(name, scale):
    make = load(name).recipe
    plain = make(scale)
    assert isinstance(plain, Recipe)
    assert plain.scale == scale
    assert plain.patch_size % scale == 0
    assert plain.build.func is getattr(zoo, name)
    for strategy in {"ggas", "cwss"}.intersection(inspect.signature(make).parameters):
        assert make(scale, **{strategy: True}).learning_rate == 2 * plain.learning_rate


# At x4: high-resolution pixels a side, patches, steps, rate, how much of it the last step has, norm of clipping. From
# the code of the networks' authors (EDSR, CARN, IDN, IMDN, RCAN, SMFANet), or of the paper's.
OFFICIAL = {
    "fsrcnn": (256, 16, 1_000_000, 1e-3, 1 / 16, None),
    "memnet": (256, 16, 1_000_000, 1e-4, 1 / 16, None),
    "carn": (256, 64, 600_000, 1e-4, 1 / 2, 10.0),
    "idn": (192, 16, 500_000, 2e-4, 1 / 16, None),
    "edsr_baseline": (192, 16, 300_000, 1e-4, 1 / 2, None),
    "imdn": (192, 16, 1_000_000, 2e-4, 1 / 16, None),
    "rcan": (192, 16, 1_000_000, 1e-4, 1 / 16, None),
    "shallow_edsr": (192, 16, 300_000, 1e-4, 1 / 2, None),
    "smfanet": (256, 64, 1_000_000, 1e-3, 1 / 1000, None),
}


@pytest.mark.parametrize("name", sorted(SMALL))
def test_the_numbers_are_the_official_ones(name):
    recipe = load(name).recipe(4)
    schedule = recipe.schedule(recipe.learning_rate, recipe.steps)
    last = float(schedule(recipe.steps - 1)) / recipe.learning_rate
    made = (recipe.patch_size, recipe.batch_size, recipe.steps, recipe.learning_rate, last, recipe.clip_norm)
    assert made == pytest.approx(OFFICIAL[name])
    assert recipe.loss == "mean_absolute_error" and recipe.candidates == 1 and recipe.degradation is None


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in ("default", "edsr_baseline", "fsrcnn") else [pytest.mark.slow])
        for name in RECIPES
    ],
)
def test_runs_two_steps(name, tmp_path):
    options = {key: True for key in ("ggas", "cwss") if key in inspect.signature(load(name).recipe).parameters}
    recipe = load(name).recipe(2, **options)
    small = dataclasses.replace(
        recipe, build=partial(recipe.build, **(SMALL | SMALL_DEFAULT)[name]), steps=2, patch_size=32, batch_size=1
    )
    images = [np.random.default_rng(0).integers(256, size=(48, 48, 3), dtype=np.uint8)]
    model = fit(small, images, tmp_path, validation=images, precision="float32", steps_per_epoch=2)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
