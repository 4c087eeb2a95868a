import csv
import dataclasses
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_lisr.basics.whole_files import PARTIAL
from keras_lisr.data import Degradation, PatchSampler, imresize
from keras_lisr.evaluation import psnr
from keras_lisr.inference import Upscaler, upscaler
from keras_lisr.training import Recipe, fit, warmup_cosine
from keras_lisr.training.checkpoints import checkpoints
from keras_lisr.training.fit import truncate_log, warm_start
from keras_lisr.zoo import fsrcnn

RUN = """
import sys
from functools import partial
from pathlib import Path
import numpy as np
from keras_lisr.training import Recipe, command, warmup_cosine
from keras_lisr.zoo import fsrcnn

def recipe(scale: int = 2):
    small = {"num_filters": 8, "num_shrunk_filters": 4, "num_blocks": 1}
    return Recipe(build=partial(fsrcnn, scale, ggas=True, **small), scale=scale, steps=150, learning_rate=1e-2,
                  schedule=warmup_cosine(2), patch_size=16, batch_size=2)

sys.exit(command.main(recipe))
"""


@pytest.fixture
def recipe():
    return Recipe(
        build=partial(fsrcnn, 2, num_filters=8, num_shrunk_filters=4, num_blocks=1),
        scale=2,
        steps=40,
        learning_rate=1e-2,
        schedule=warmup_cosine(2),
        patch_size=16,
        batch_size=2,
    )


@pytest.fixture
def images():
    """Smooth pictures, which a network learns to enlarge within a few steps."""
    y, x = np.mgrid[:32, :40] / 40
    return [
        (np.stack([np.sin(k + 5 * x), np.cos(k * y), x * y], axis=-1) * 100 + 128).astype(np.uint8) for k in range(3)
    ]


def run(recipe, images, output, **options):
    options = {"validation": images[:1], "precision": "float32", "steps_per_epoch": 10, **options}
    return fit(recipe, images, output, **options)


def first_steps(output):
    """The step from which each start of a run went on."""
    return [start["first_step"] for start in json.loads((output / "run.json").read_text())]


def without_times(rows):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def log(output):
    with (output / "log.csv").open(newline="") as rows:
        return list(csv.DictReader(rows))


def checkpoint(output, step):
    return keras.models.load_model(checkpoints(output / "checkpoints")[step])


def assert_equal_weights(model, other):
    for mine, yours in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, yours)


def test_learns_and_leaves_a_complete_folder(recipe, images, tmp_path):
    run(recipe, images, tmp_path)
    rows = log(tmp_path)
    assert [int(row["epoch"]) for row in rows] == [0, 1, 2, 3]
    assert float(rows[-1]["loss"]) < 0.5 * float(rows[0]["loss"])
    assert float(rows[-1]["val_psnr"]) > float(rows[0]["val_psnr"]) + 1
    assert [int(row["step"]) for row in rows] == [10, 20, 30, 40]
    assert {file.name for file in tmp_path.iterdir()} == {
        *("averaged.keras", "best.keras", "checkpoints", "log.csv", "run.json", "tensorboard")
    }
    assert sorted(checkpoints(tmp_path / "checkpoints")) == [30, 40]


def test_returns_the_averaged_weights_that_were_validated(recipe, images, tmp_path):
    model = run(recipe, images, tmp_path)
    super_resolved = Upscaler(model, precision="float32")(imresize(images[0], 1 / 2))
    assert psnr(images[0], super_resolved, shave=2) == pytest.approx(float(log(tmp_path)[-1]["val_psnr"]), abs=1e-4)
    assert_equal_weights(model, keras.models.load_model(tmp_path / "averaged.keras"))
    raw = checkpoint(tmp_path, 40)
    assert any(not np.allclose(mine, yours) for mine, yours in zip(model.get_weights(), raw.get_weights(), strict=True))


def test_a_folder_and_a_dataset_are_taken_and_callbacks_see_what_is_validated(recipe, images, tmp_path):
    for i, image in enumerate(images):
        (tmp_path / "photos").mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / "photos" / f"{i}.png")
    short, seen = dataclasses.replace(recipe, steps=10), []
    look = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs["val_psnr"]))
    pairs = tf.data.Dataset.from_tensor_slices(([imresize(image, 1 / 2) for image in images], images))
    options = {"validation": pairs.take(1), "precision": "float32", "steps_per_epoch": 10, "callbacks": [look]}
    models = [
        fit(short, given, tmp_path / name, **options)
        for name, given in (("list", images), ("folder", tmp_path / "photos"), ("dataset", pairs))
    ]
    assert_equal_weights(models[0], models[1])
    assert_equal_weights(models[0], models[2])
    assert seen[0] == seen[1] == seen[2] == pytest.approx(float(log(tmp_path / "list")[0]["val_psnr"]))


@pytest.mark.parametrize("change", [{"patch_size": 400}, {"loss": "nothing"}])
def test_a_refused_start_leaves_no_folder(recipe, images, tmp_path, change):
    with pytest.raises(ValueError):
        run(dataclasses.replace(recipe, **change), images, tmp_path / "run")
    with pytest.raises(ValueError, match="`images`"):
        run(recipe, [image / 255 for image in images], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_callbacks_are_several_one_or_none_and_their_errors_leave_no_folder(recipe, images, tmp_path):
    short, seen = dataclasses.replace(recipe, steps=1), []
    run(short, images, tmp_path / "none", callbacks=None)
    run(short, images, tmp_path / "one", callbacks=keras.callbacks.LambdaCallback(on_train_begin=seen.append))
    assert len(seen) == 1
    broken = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: logs["nothing"])
    with pytest.raises(KeyError):
        run(recipe, images, tmp_path / "run", callbacks=broken)
    with pytest.raises(ValueError, match="`images`"):
        fit(recipe, None, tmp_path / "run", validation=images, precision="float32")
    assert not (tmp_path / "run").exists()


def test_large_pictures_are_validated_in_tiles(recipe, images, tmp_path, monkeypatch):
    """A layer would get too many values at once."""
    windows = []
    run_window = Upscaler._run
    monkeypatch.setattr(upscaler, "MOST_VALUES", 100_000)
    monkeypatch.setattr(
        Upscaler, "_run", lambda self, window, dtype: windows.append(window.shape) or run_window(self, window, dtype)
    )
    large = np.tile(images[0], (8, 8, 1))
    run(dataclasses.replace(recipe, steps=10), images, tmp_path, validation=[large])
    assert len(windows) > 1 and max(np.prod(shape[1:3]) for shape in windows) < large[..., 0].size / 8


def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(recipe, images, tmp_path):
    whole = run(recipe, images, tmp_path / "whole")
    run(recipe, images, tmp_path / "parts", hours=0)
    assert len(log(tmp_path / "parts")) == 1
    with (tmp_path / "parts" / "log.csv").open("a") as rows:
        rows.write("1,0.5,0.0,20,9.9\n2,0.5")  # As if it had been killed before the checkpoint.
    parts = run(recipe, images, tmp_path / "parts")
    assert first_steps(tmp_path / "parts") == [0, 10]
    assert [row["epoch"] for row in log(tmp_path / "parts")] == ["0", "1", "2", "3"]
    assert_equal_weights(whole, parts)


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="On TensorFlow batches come from tf.data.")
def test_every_batch_is_trained_on_once_and_in_its_order(recipe, images, tmp_path, monkeypatch):
    drawn, batch = [], PatchSampler.batch
    monkeypatch.setattr(PatchSampler, "batch", lambda self, step: drawn.append(step) or batch(self, step))
    for hours, steps_per_epoch in ((0, 2), (None, 4)):
        run(dataclasses.replace(recipe, steps=10), images, tmp_path, hours=hours, steps_per_epoch=steps_per_epoch)
    # Keras looks at a batch to build the model, before the first epoch.
    assert [step for step, _ in itertools.groupby(drawn)] == list(range(10))


def test_a_stopped_run_with_muon_and_a_teacher_goes_on(recipe, images, tmp_path):
    wide = partial(fsrcnn, 2, num_filters=8, num_shrunk_filters=8, num_blocks=1)
    changes = {"build": wide, "steps": 20, "optimizer": "muon", "label_share": (1.0, 0.5), "clip_norm": 1.0}
    recipe = dataclasses.replace(recipe, **changes)
    teacher = wide()
    learn = partial(
        fit, recipe, images, validation=images[:1], teacher=teacher, precision="float32", steps_per_epoch=10
    )
    whole = learn(tmp_path / "whole")
    learn(tmp_path / "parts", hours=0)
    assert_equal_weights(whole, learn(tmp_path / "parts"))
    assert first_steps(tmp_path / "parts") == [0, 10]
    assert json.loads((tmp_path / "parts" / "run.json").read_text())[1]["teacher"] == teacher.name
    originals = run(recipe, images, tmp_path / "originals")
    assert not np.allclose(originals.get_weights()[0], whole.get_weights()[0])


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_a_stopped_run_in_mixed_precision_goes_on(recipe, images, tmp_path, precision):
    short = dataclasses.replace(recipe, steps=4)
    run(short, images, tmp_path, hours=0, precision=precision, steps_per_epoch=2)
    model = run(short, images, tmp_path, precision=precision, steps_per_epoch=2)
    assert first_steps(tmp_path) == [0, 2]
    assert [row["epoch"] for row in log(tmp_path)] == ["0", "1"]
    optimizer = checkpoint(tmp_path, 4).optimizer
    assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer) is (precision == "mixed_float16")
    assert int(optimizer.iterations) == 4
    assert model.get_layer("block_1_conv").compute_dtype == precision.removeprefix("mixed_")


def beyond_float16(true, predicted):
    return 1e9 * keras.ops.mean(predicted)


def test_steps_that_overflow_count(recipe, images, tmp_path):
    """They are left out, and the optimizer does not count them."""
    overflowing = dataclasses.replace(recipe, steps=2, loss=beyond_float16)
    for _ in range(2):
        run(overflowing, images, tmp_path, precision="mixed_float16", steps_per_epoch=1)
        with keras.saving.custom_object_scope({"beyond_float16": beyond_float16}):
            assert int(checkpoint(tmp_path, 2).optimizer.iterations) == 0
    assert first_steps(tmp_path) == [0]


def test_a_lengthened_run_follows_the_new_schedule(recipe, images, tmp_path):
    """The old one had come down to 0."""
    run(dataclasses.replace(recipe, steps=10), images, tmp_path)
    before = keras.models.load_model(checkpoints(tmp_path / "checkpoints")[10]).get_weights()
    run(dataclasses.replace(recipe, steps=25), images, tmp_path, steps_per_epoch=8)
    assert first_steps(tmp_path) == [0, 10]
    last, file = max(checkpoints(tmp_path / "checkpoints").items())
    assert last == 26 and [int(row["step"]) for row in log(tmp_path)] == [10, 18, 26]
    assert not np.allclose(before[0], keras.models.load_model(file).get_weights()[0])


def test_degraded_patches_are_validated_on_degraded_images(recipe, images, tmp_path):
    degraded = dataclasses.replace(recipe, steps=10, degradation=Degradation())
    for name, made in (("plain", dataclasses.replace(recipe, steps=10)), ("degraded", degraded), ("again", degraded)):
        run(made, images, tmp_path / name)
    plain, degraded, again = (float(log(tmp_path / name)[0]["val_psnr"]) for name in ("plain", "degraded", "again"))
    assert degraded == again != plain
    assert json.loads((tmp_path / "degraded" / "run.json").read_text())[0]["recipe"]["degradation"] == repr(
        Degradation()
    )


def test_another_precision_goes_on_if_it_scales_the_loss_no_more_and_no_less(recipe, images, tmp_path):
    run(dataclasses.replace(recipe, steps=2), images, tmp_path, steps_per_epoch=2)
    longer = dataclasses.replace(recipe, steps=4)
    with pytest.raises(ValueError, match="`output`"):
        run(longer, images, tmp_path, steps_per_epoch=2, precision="mixed_float16")
    run(longer, images, tmp_path, steps_per_epoch=2, precision="mixed_bfloat16")
    assert first_steps(tmp_path) == [0, 2]


@pytest.mark.parametrize("precision", ["float32", pytest.param("mixed_float16", marks=pytest.mark.slow)])
def test_a_run_that_is_no_longer_finite_ends_and_goes_on_from_its_last_good_checkpoint(
    recipe, images, tmp_path, precision
):
    options = {"precision": precision, "steps_per_epoch": 5}
    short = dataclasses.replace(recipe, steps=10)
    whole = run(short, images, tmp_path / "whole", **options)
    run(short, images, tmp_path / "run", hours=0, **options)
    with pytest.raises(FloatingPointError, match="step_00000005.keras") as error:
        run(dataclasses.replace(short, learning_rate=1e30), images, tmp_path / "run", **options)
    assert len(str(error.value).splitlines()) == 1
    assert list(checkpoints(tmp_path / "run" / "checkpoints")) == [5]
    assert_equal_weights(whole, run(short, images, tmp_path / "run", **options))


def test_the_run_of_another_network_is_left_alone(recipe, images, tmp_path):
    run(dataclasses.replace(recipe, steps=10), images, tmp_path)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*.*") if file.is_file()}
    wider = dataclasses.replace(recipe, build=partial(fsrcnn, 2, num_filters=9, num_shrunk_filters=4, num_blocks=1))
    with pytest.raises(ValueError, match="`output`") as error:
        run(wider, images, tmp_path)
    assert len(str(error.value).splitlines()) == 1
    assert all(file.read_bytes() == content for file, content in before.items())


def test_a_finished_run_is_not_run_again_and_says_so(recipe, images, tmp_path, caplog):
    first = run(recipe, images, tmp_path)
    (tmp_path / "averaged.keras").unlink()
    assert not caplog.records
    assert_equal_weights(first, run(recipe, images, tmp_path, start_from="gone.keras"))
    assert first_steps(tmp_path) == [0] and str(tmp_path) in caplog.text


def test_best_is_kept_over_a_resumption(recipe, images, tmp_path):
    run(recipe, images, tmp_path, hours=0)
    row = log(tmp_path)[0]
    (tmp_path / "log.csv").write_text(",".join(row) + "\n" + ",".join({**row, "val_psnr": "99.0"}.values()) + "\n")
    best = (tmp_path / "best.keras").read_bytes()
    assert truncate_log(tmp_path / "log.csv", 10**6) == 99.0
    run(recipe, images, tmp_path)
    assert (tmp_path / "best.keras").read_bytes() == best


def test_starts_from_given_weights(recipe, images, tmp_path):
    first = run(recipe, images, tmp_path / "first")
    still = dataclasses.replace(recipe, learning_rate=0.0, steps=10)
    second = run(still, images, tmp_path / "second", start_from=tmp_path / "first" / "averaged.keras", seed=5)
    assert_equal_weights(first, second)


def test_another_network_to_start_from_is_refused(tmp_path):
    fsrcnn(2, num_filters=4).save(tmp_path / "other.keras")
    with pytest.raises(ValueError, match="`start_from`.*other.keras"):
        warm_start(fsrcnn(2, num_filters=5), tmp_path / "other.keras")


def test_the_seed_decides(recipe, images, tmp_path):
    short = dataclasses.replace(recipe, steps=10)
    models = [run(short, images, tmp_path / str(i), seed=seed) for i, seed in enumerate((0, 0, 1))]
    assert_equal_weights(models[0], models[1])
    assert not np.allclose(models[0].get_weights()[0], models[2].get_weights()[0])


def test_a_run_shorter_than_an_epoch_has_only_its_own_steps(recipe, images, tmp_path):
    run(dataclasses.replace(recipe, steps=3), images, tmp_path, steps_per_epoch=1000)
    assert list(checkpoints(tmp_path / "checkpoints")) == [3]


def test_needs_validation_images(recipe, images, tmp_path):
    with pytest.raises(ValueError, match="`validation`"):
        run(recipe, images, tmp_path, validation=[])


@pytest.mark.slow
def test_a_run_killed_at_random_moments_is_the_run_that_was_not(images, tmp_path):
    for i, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{i}.png")

    def start(output):
        flags = ["--data", str(tmp_path), "--precision", "float32", "--steps-per-epoch", "15"]
        return subprocess.Popen(
            [sys.executable, "-c", RUN, *flags, "--output", str(output)],
            env={**os.environ, "TF_DETERMINISTIC_OPS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    random = np.random.default_rng(0)
    killed = tmp_path / "runs" / "killed"
    exit_codes = {signal.SIGKILL: -signal.SIGKILL, signal.SIGTERM: 143, signal.SIGINT: 130}
    for _ in range(10):
        starts = len(json.loads((killed / "run.json").read_text())) if (killed / "run.json").exists() else 0
        process = start(killed)
        while process.poll() is None:
            time.sleep(0.02)
            if (killed / "run.json").exists() and len(json.loads((killed / "run.json").read_text())) > starts:
                break
        time.sleep(random.uniform(0, 4))
        one = random.choice(list(exit_codes))
        process.send_signal(one)
        errors = process.communicate(timeout=100)[1]
        assert process.returncode in (0, exit_codes[one])  # 0 if it had just finished.
        assert b"Traceback" not in errors
    whole = tmp_path / "runs" / "whole"
    for run in (killed, whole):
        process = start(run)
        assert process.communicate(timeout=200) and process.returncode == 0
    assert [row["step"] for row in log(killed)] == [str(step) for step in range(15, 151, 15)]
    assert without_times(log(killed)) == without_times(log(whole))
    for name in ("averaged.keras", "best.keras", "checkpoints/step_00000150.keras"):
        mine, yours = (keras.models.load_model(run / name) for run in (killed, whole))
        assert_equal_weights(mine, yours)
        if name.startswith("checkpoints"):
            for one, other in zip(mine.optimizer.variables, yours.optimizer.variables, strict=True):
                np.testing.assert_array_equal(one, other)
    assert not list(killed.rglob(PARTIAL))
