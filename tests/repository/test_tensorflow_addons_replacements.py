"""Every line of docs/decisions/0001-no-tensorflow-addons.md runs, and where the record says Same, gives the same."""

import configparser
import math
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
from keras import layers, ops

ROOT = Path(__file__).parents[2]
RECORD = ROOT / "docs" / "decisions" / "0001-no-tensorflow-addons.md"


class Replacement(NamedTuple):
    """One row of the table: the first name on the left, the code in the middle (None: no replacement), the note."""

    name: str
    code: str | None
    note: str


def read_table() -> list[Replacement]:
    rows = []
    for line in RECORD.read_text(encoding="utf-8").splitlines():
        if not line.startswith("| `"):
            continue
        addon, code, note = line.removeprefix("| ").removesuffix(" |").split(" | ")
        name = addon.split(", `")[0].replace("`", "")
        rows.append(Replacement(name, None if code == "none" else code.strip("`"), note))
    return rows


TABLE = read_table()
RUNNABLE = [row for row in TABLE if row.code is not None]


def make_namespace() -> dict[str, Any]:
    """The names that the record promises to its lines."""
    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(0)
    shape = (1, 16, 16, 3)
    model = keras.Sequential(
        [
            layers.Input((16, 16, 3)),
            layers.Conv2D(3, 3, padding="same", name="body"),
            layers.Conv2D(3, 3, padding="same", name="tail"),
        ]
    )
    compile_model(model, "sgd")
    axis = np.arange(16, dtype="float32")
    arrays = {
        "image": generator.random(shape),
        "high_resolution": generator.random(shape),
        "super_resolved": generator.random(shape),
        "grid": np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1),
        "flow": generator.uniform(-3, 3, (16, 16, 2)),
        "warp": generator.uniform(-2, 18, (16, 16, 2)),
        "v": generator.normal(size=(3, 3, 3, 3)),
        "g": np.array([0.5, 1.0, 1.5]),
    }
    return {
        **{name: ops.convert_to_tensor(value.astype("float32")) for name, value in arrays.items()},
        "keras": keras,
        "layers": layers,
        "ops": ops,
        "np": np,
        "time": time,
        "model": model,
        "snapshots": [model.get_weights(), [weight + 1 for weight in model.get_weights()]],
        "deadline": time.monotonic() - 1,  # already over, so that the first epoch is the last
    }


def compile_model(model: keras.Model, optimizer, run_eagerly: bool = True) -> None:
    model.compile(optimizer, "mse", jit_compile=False, run_eagerly=run_eagerly)


def run(code: str, namespace: dict[str, Any]) -> Any:
    exec(f"result = {code}", namespace)
    return namespace["result"]


# What tensorflow-addons computes, from its definition and without Keras.


def reflect(image: np.ndarray, size: int) -> np.ndarray:
    return np.pad(image, ((0, 0), (size, size), (size, size), (0, 0)), mode="reflect")


def windows(image: np.ndarray, size: int) -> np.ndarray:
    """Batch, height, width, channels, and the size × size neighbourhood of each pixel."""
    return np.lib.stride_tricks.sliding_window_view(reflect(image, size // 2), (size, size), axis=(1, 2))


def sample(image: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Bilinear interpolation, zero outside."""
    margin = 4
    padded = np.pad(image, ((margin, margin), (margin, margin), (0, 0)))
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down, right = (rows - top)[..., None], (columns - left)[..., None]
    return sum(
        weight * padded[top + margin + i, left + margin + j]
        for i, j, weight in (
            (0, 0, (1 - down) * (1 - right)),
            (0, 1, (1 - down) * right),
            (1, 0, down * (1 - right)),
            (1, 1, down * right),
        )
    )


def transform(image: np.ndarray, matrix: tuple[float, ...]) -> np.ndarray:
    """Output pixel (x, y) is the input pixel nearest to the transformed (x, y); zero outside."""
    y, x = np.mgrid[:16, :16]
    a, b, c, d, e, f = matrix
    columns, rows = np.rint(a * x + b * y + c).astype(int), np.rint(d * x + e * y + f).astype(int)
    inside = (rows >= 0) & (rows < 16) & (columns >= 0) & (columns < 16)
    return np.where(inside[..., None], image[:, rows.clip(0, 15), columns.clip(0, 15)], 0)


def rotation(angle: float) -> tuple[float, ...]:
    cosine, sine, centre = math.cos(angle), math.sin(angle), 7.5
    return (
        *(cosine, -sine, centre - cosine * centre + sine * centre),
        *(sine, cosine, centre - sine * centre - cosine * centre),
    )


def gaussian(size: int, sigma: float) -> np.ndarray:
    kernel = np.exp(-0.5 * (np.arange(size) - size // 2) ** 2 / sigma**2)
    return np.outer(kernel, kernel) / kernel.sum() ** 2


def convolve(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return np.einsum("bhwcij,ijcd->bhwd", np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2)), kernel)


def instance_normalization(image: np.ndarray) -> np.ndarray:
    centred = image - image.mean((1, 2), keepdims=True)
    return centred / np.sqrt(image.var((1, 2), keepdims=True) + 1e-3)


def pool(image: np.ndarray, bins: int) -> np.ndarray:
    return image.reshape(-1, bins, 16 // bins, bins, 16 // bins, 3).mean((2, 4))


def triangular(step: int) -> float:
    cycle = math.floor(1 + step / 20)
    return max(0.0, 1 - abs(step / 10 - 2 * cycle + 1))


EXPECTED: dict[str, Callable[[dict[str, np.ndarray]], Any]] = {
    "layers.WeightNormalization, of trained weights": lambda a: convolve(
        a["image"], a["g"] * a["v"] / np.sqrt(np.sum(a["v"] ** 2, (0, 1, 2)))
    ),
    "layers.GroupNormalization": lambda a: instance_normalization(a["image"]),  # three groups of one channel
    "layers.InstanceNormalization": lambda a: instance_normalization(a["image"]),
    "layers.AdaptiveAveragePooling2D": lambda a: pool(a["image"], 4),
    "layers.SpatialPyramidPooling2D": lambda a: np.concatenate(
        [pool(a["image"], bins).reshape(1, -1, 3) for bins in (1, 2, 4)], axis=1
    ),
    "activations.gelu": lambda a: (
        a["image"] / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (a["image"] + 0.044715 * a["image"] ** 3)))
    ),
    "activations.mish": lambda a: a["image"] * np.tanh(np.log1p(np.exp(a["image"]))),
    "activations.hardshrink": lambda a: np.where(a["image"] > 0.5, a["image"], 0),
    "activations.softshrink": lambda a: np.maximum(a["image"] - 0.5, 0),
    "activations.tanhshrink": lambda a: a["image"] - np.tanh(a["image"]),
    "activations.lisht": lambda a: a["image"] * np.tanh(a["image"]),
    "activations.snake": lambda a: a["image"] + (1 - np.cos(2 * a["image"])) / 2,
    "image.gaussian_filter2d": lambda a: np.einsum("bhwcij,ij->bhwc", windows(a["image"], 5), gaussian(5, 1.5)),
    "image.mean_filter2d": lambda a: windows(a["image"], 3).mean((-2, -1)),
    "image.median_filter2d": lambda a: np.median(windows(a["image"], 3), axis=(-2, -1)),
    "image.rotate": lambda a: transform(a["image"], rotation(0.05 * 2 * math.pi)),
    "image.rotate, by right angles": lambda a: transform(a["image"], rotation(math.pi / 2)),
    "image.translate": lambda a: transform(a["image"], (1, 0, -2, 0, 1, 3)),
    "image.transform": lambda a: transform(a["image"], (1, 0.2, 0, 0, 1, 0)),
    "image.dense_image_warp": lambda a: sample(a["image"][0], *np.moveaxis((a["grid"] - a["flow"]).clip(0, 15), -1, 0)),
    "image.resampler": lambda a: sample(a["image"][0], a["warp"][..., 1], a["warp"][..., 0]),
    "losses.PinballLoss": lambda a: np.mean(
        [max(0.9 * e, -0.1 * e) for e in np.ravel(a["high_resolution"] - a["super_resolved"])]
    ),
    "losses has no Charbonnier loss": lambda a: np.mean(
        np.hypot(a["high_resolution"] - a["super_resolved"], math.sqrt(1e-6))
    ),
    "metrics.RSquare": lambda a: (
        1 - np.mean((a["high_resolution"] - a["super_resolved"]) ** 2) / np.var(a["high_resolution"])
    ),
    "metrics.PearsonsCorrelation": lambda a: np.corrcoef(a["high_resolution"].ravel(), a["super_resolved"].ravel())[
        0, 1
    ],
    "metrics.MeanMetricWrapper": lambda a: -10 * math.log10(np.mean((a["high_resolution"] - a["super_resolved"]) ** 2)),
}
SCHEDULES: dict[str, Callable[[int], float]] = {
    "optimizers.CyclicalLearningRate": lambda step: 1e-4 + 9e-4 * triangular(step),
    "optimizers.Triangular2CyclicalLearningRate": lambda step: 1e-4 + 9e-4 * triangular(step) / 2 ** (step // 20),
    "optimizers.ExponentialCyclicalLearningRate": lambda step: 1e-4 + 9e-4 * triangular(step) * 0.99**step,
}


def check_array(name: str, result: Any, namespace: dict[str, Any]) -> None:
    values = ops.convert_to_numpy(result) if ops.is_tensor(result) else np.asarray(result)
    assert np.isfinite(values).all()
    if name in EXPECTED:
        arrays = {key: ops.convert_to_numpy(value) for key, value in namespace.items() if ops.is_tensor(value)}
        expected = np.asarray(EXPECTED[name](arrays))
        assert values.shape == expected.shape
        np.testing.assert_allclose(values, expected, atol=2e-5)
    elif values.ndim:
        assert values.shape == namespace["image"].shape


def check_training(
    namespace: dict[str, Any],
    optimizer,
    callbacks: list[keras.callbacks.Callback],
    epochs: int = 2,
    run_eagerly: bool = True,
) -> keras.callbacks.History:
    model, image, target = (namespace[name] for name in ("model", "image", "high_resolution"))
    validation = (image, target) if callbacks else None  # SwapEMAWeights swaps around the validation
    before = [weight.copy() for weight in model.get_weights()]
    compile_model(model, optimizer, run_eagerly)
    history = model.fit(image, target, validation_data=validation, epochs=epochs, callbacks=callbacks, verbose=0)
    after = model.get_weights()
    assert all(np.isfinite(weight).all() for weight in after)
    assert any((old != new).any() for old, new in zip(before, after, strict=True))
    return history


def test_table_is_read():
    names = [row.name for row in TABLE]
    assert len(names) > 40
    assert len(set(names)) == len(names)
    assert (set(EXPECTED) | set(SCHEDULES)) <= set(names)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_note_says_how_close_the_replacement_is(row):
    assert row.note.split()[0].strip(".:,") in (("None",) if row.code is None else ("Same", "Near"))


# Keras 3.15 saves weights by np.array(variable), of which NumPy 2 says that TensorFlow's variables do not know `copy`.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
@pytest.mark.parametrize("row", RUNNABLE, ids=lambda row: row.name)
def test_replacement_runs(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = make_namespace()
    result = run(row.code, namespace)
    averaging = keras.optimizers.SGD(1e-2, use_ema=True)
    match result:
        case keras.optimizers.Optimizer():
            check_training(namespace, result, [])
        case keras.optimizers.schedules.LearningRateSchedule():
            for step in range(60):
                assert float(result(step)) == pytest.approx(SCHEDULES[row.name](step), rel=1e-5)
            optimizer = keras.optimizers.SGD(result)
            check_training(namespace, optimizer, [], run_eagerly=False)  # its arithmetic must compile
            assert float(optimizer.learning_rate) == pytest.approx(SCHEDULES[row.name](2), rel=1e-5)
        case keras.callbacks.LambdaCallback():
            assert len(check_training(namespace, "sgd", [result], epochs=3).epoch) == 1
        case keras.callbacks.Callback():
            check_training(namespace, averaging, [result])
        case [keras.callbacks.Callback(), keras.callbacks.Callback()]:
            check_training(namespace, averaging, result)
            saved = keras.models.load_model("average.keras").get_weights()
            for weight, average in zip(saved, namespace["model"].get_weights(), strict=True):
                np.testing.assert_allclose(weight, average, atol=1e-7)  # fit ends with the averages in the model
        case keras.callbacks.History():
            assert np.isfinite(result.history["loss"]).all()
        case None:  # set_weights: the mean of two snapshots that are 1 apart
            for weight, first in zip(namespace["model"].get_weights(), namespace["snapshots"][0], strict=True):
                np.testing.assert_allclose(weight, first + 0.5, atol=1e-6)
        case _:
            check_array(row.name, result, namespace)


def test_weight_decay_is_multiplied_by_the_learning_rate():
    row = next(row for row in TABLE if row.name == "optimizers.AdamW")
    weight = keras.Variable([1.0])
    run(row.code, make_namespace()).apply([ops.zeros(1)], [weight])
    assert 1 - float(weight[0]) == pytest.approx(1e-5, rel=0.01)


def test_pattern_of_multi_optimizer_covers_the_whole_path():
    row = next(row for row in TABLE if row.name == "optimizers.MultiOptimizer")
    namespace = make_namespace()
    before = [weight.copy() for weight in namespace["model"].get_weights()]
    check_training(namespace, run(row.code, namespace), [], epochs=1)
    after = namespace["model"].get_weights()
    steps = [float(np.median(np.abs(old - new))) for old, new in zip(before, after, strict=True)]
    assert steps == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4], rel=0.01)  # Adam's first step is the learning rate


def test_project_does_not_require_tensorflow_addons():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = config["options.extras_require"]
    required = "\n".join([config.get("options", "install_requires"), *(extras.get(name, raw=True) for name in extras)])
    assert "keras" in required
    assert not re.search(r"tensorflow[-_.]addons|tfa[-_.]nightly", required, re.IGNORECASE)
