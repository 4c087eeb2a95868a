"""The same recipe trains on a machine that has no TensorFlow."""

import csv
import importlib
import importlib.util
import pkgutil
import sys

import keras
import numpy as np
import pytest
from PIL import Image
from reference import assert_close, picture, to_numpy

if importlib.util.find_spec("tensorflow"):
    pytest.skip("TensorFlow is installed here; `make test-backends` tests where it is not", allow_module_level=True)

import keras_lisr
from keras_lisr.data import read_pairs
from keras_lisr.training import Recipe, fit
from keras_lisr.training.checkpoints import checkpoints
from keras_lisr.training.schedules import warmup_cosine
from keras_lisr.zoo import imdn

STEPS, STEPS_PER_EPOCH = 24, 8


def recipe() -> Recipe:
    return Recipe(
        build=lambda: imdn(2, ggas=True, cwss=True, attention=None, num_filters=8, num_blocks=1),
        scale=2,
        steps=STEPS,
        learning_rate=2e-3,
        schedule=warmup_cosine(4),
        patch_size=16,
        batch_size=4,
        averaging=0.5,
    )


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for i in range(5):
        image = (picture(24 + 2 * i, 30, 3, phase=i) * 255).astype(np.uint8)
        Image.fromarray(image).save(folder / f"{i}.png")
    return list(read_pairs(folder, 2).high_resolution)


@pytest.fixture(scope="module")
def run(images, tmp_path_factory):
    """Folder and network of a run without interruption."""
    folder = tmp_path_factory.mktemp("run")
    return folder, train(images, folder)


def train(images, folder, **options) -> keras.Model:
    return fit(
        recipe(),
        images[1:],
        folder,
        validation=images[:1],
        precision="float32",
        steps_per_epoch=STEPS_PER_EPOCH,
        **options,
    )


def log(folder) -> list[dict[str, str]]:
    with (folder / "log.csv").open(newline="") as rows:
        return list(csv.DictReader(rows))


def test_there_is_no_tensorflow():
    assert keras.backend.backend() in ("jax", "torch")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("tensorflow")


@pytest.mark.parametrize("package", ["data", "evaluation", "layers", "training", "zoo"])
def test_modules_import(package):
    """All of them but the one whose business tf.data is."""
    folder = getattr(keras_lisr, package).__path__
    missing = []
    for module in pkgutil.walk_packages(folder, f"keras_lisr.{package}."):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            assert error.name == "tensorflow"
            missing.append(module.name)
    assert missing == (["keras_lisr.data.pipeline"] if package == "data" else [])


def test_trains(run):
    folder, model = run
    losses = [float(row["loss"]) for row in log(folder)]
    assert len(losses) == STEPS // STEPS_PER_EPOCH
    assert losses[-1] < losses[0]
    assert all(np.isfinite(to_numpy(weight)).all() for weight in model.weights)
    assert {"averaged.keras", "best.keras", "checkpoints", "log.csv"} <= {file.name for file in folder.iterdir()}
    assert "tensorflow" not in sys.modules


def test_resumes(images, run, tmp_path):
    train(images, tmp_path, hours=0)
    assert len(log(tmp_path)) == 1
    assert list(checkpoints(tmp_path / "checkpoints")) == [STEPS_PER_EPOCH]

    resumed = train(images, tmp_path)
    assert [row["epoch"] for row in log(tmp_path)] == ["0", "1", "2"]
    for weight, uninterrupted in zip(resumed.weights, run[1].weights, strict=True):
        assert_close(weight, uninterrupted)


def test_is_whole_after_predicting(run, tmp_path):
    """JAX gives the weights away to a compiled step: the network must have arrays of its own."""
    _, model = run
    model.predict(picture(1, 5, 7, 3), verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for mine, yours in zip(again.weights, model.weights, strict=True):
        np.testing.assert_array_equal(to_numpy(mine), to_numpy(yours))
