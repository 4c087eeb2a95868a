"""Runs on several devices and in several processes, each started by itself: devices are counted once in a process."""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from PIL import Image
from reference import picture

from keras_lisr.training import Recipe, halving
from keras_lisr.training.distribution import SEVERAL_HOSTS, Group, find_group
from keras_lisr.training.fit import Run
from keras_lisr.zoo import imdn

BACKEND = keras.backend.backend()
RUN = """
import os, sys
devices = int(sys.argv.pop(1))
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
if os.environ["KERAS_BACKEND"] == "tensorflow":
    import tensorflow as tf
    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * devices)
from functools import partial
import keras
from keras_lisr.training import Recipe, command, warmup_cosine
from keras_lisr.zoo import imdn

def spoilt(true, predicted):  # Not finite for the white photograph.
    error = keras.ops.mean(keras.ops.abs(true - predicted), axis=(1, 2, 3))
    return error + keras.ops.where(keras.ops.mean(true, axis=(1, 2, 3)) == 1, float("inf"), 0.0)

def recipe(scale: int = 2, blocks: int = 1, ggas: bool = True, spoil: bool = False):
    loss = spoilt if spoil else "mean_absolute_error"
    build = partial(imdn, scale, ggas=ggas, cwss=True, attention=None, num_filters=8, num_blocks=blocks)
    return Recipe(build=build, scale=scale, steps=50, learning_rate=1e-3, schedule=warmup_cosine(5), patch_size=16,
                  batch_size=4, loss=loss)

sys.exit(command.main(recipe))
"""


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photographs")
    Image.fromarray(np.full((40, 48, 3), 255, np.uint8)).save(folder / "white.png")
    for i in range(12):
        Image.fromarray((picture(40, 48, 3, phase=i) * 255).astype(np.uint8)).save(folder / f"{i}.png")
    return folder


def start(photographs, output, *flags, devices=1, **environment):
    fixed = ["--data", str(photographs), "--output", str(output), "--precision", "float32", "--steps-per-epoch", "5"]
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(devices), *fixed, *flags],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "KERAS_BACKEND": BACKEND, **environment},
    )


def finish(*processes):
    for process in processes:
        errors = process.communicate(timeout=300)[1]
        assert process.returncode == 0, errors


def log(output):
    with (output / "log.csv").open(newline="") as rows:
        return list(csv.DictReader(rows))


def assert_same_curve(one, other):
    assert [int(row["step"]) for row in log(one)] == list(range(5, 51, 5))
    for mine, yours in zip(log(one), log(other), strict=True):
        assert float(mine["loss"]) == pytest.approx(float(yours["loss"]), rel=1e-4)
        assert float(mine["val_psnr"]) == pytest.approx(float(yours["val_psnr"]), abs=1e-2)
        assert mine["step"] == yours["step"]


@pytest.fixture(scope="module")
def alone(photographs, tmp_path_factory):
    """The run on one device."""
    output = tmp_path_factory.mktemp("alone")
    finish(start(photographs, output))
    assert float(log(output)[-1]["loss"]) < 0.8 * float(log(output)[0]["loss"])
    return output


@pytest.mark.skipif(BACKEND == "torch", reason="several devices are TensorFlow's and JAX's")
def test_two_devices_have_the_losses_of_one(photographs, alone, tmp_path):
    finish(start(photographs, tmp_path, "--distribute", devices=2))
    assert_same_curve(tmp_path, alone)
    assert json.loads((tmp_path / "run.json").read_text())[0]["devices"] == 2


@pytest.mark.slow
@pytest.mark.skipif(BACKEND == "torch", reason="several devices are TensorFlow's and JAX's")
def test_what_is_not_finite_on_one_device_ends_the_run_of_all(photographs, tmp_path):
    """Without GGAS: its batch normalization would carry it to the other device."""
    flags = ["--no-ggas", "--spoil", "--distribute", "--steps-per-epoch", "1"]
    messages = []
    for devices in (1, 2):
        process = start(photographs, tmp_path / str(devices), *flags, devices=devices)
        messages.append(process.communicate(timeout=200)[1].splitlines()[-1])
        assert process.returncode == 1
    assert "not finite" in messages[0] and messages[0].replace("/1/", "/2/") == messages[1]


def start_two(photographs, outputs, *flags, devices=1):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    return [
        start(
            photographs,
            outputs[i],
            *flags,
            devices=devices,
            KERAS_DISTRIBUTION_JOB_ADDRESSES=address,
            KERAS_DISTRIBUTION_NUM_PROCESSES="2",
            KERAS_DISTRIBUTION_PROCESS_ID=str(i),
        )
        for i in range(2)
    ]


@pytest.mark.skipif(BACKEND != "jax", reason="several processes are JAX's")
@pytest.mark.parametrize("devices", [1, 2])
def test_two_processes_have_the_losses_of_one(photographs, alone, tmp_path, devices):
    finish(*start_two(photographs, [tmp_path] * 2, devices=devices))
    assert json.loads((tmp_path / "run.json").read_text())[0]["devices"] == 2 * devices
    assert_same_curve(tmp_path, alone)
    models = [keras.models.load_model(run / "averaged.keras") for run in (tmp_path, alone)]
    for mine, yours in zip(*(model.weights for model in models), strict=True):
        np.testing.assert_allclose(mine, yours, atol=1e-4)


@pytest.mark.skipif(BACKEND != "jax", reason="several processes are JAX's")
@pytest.mark.parametrize(("victim", "number"), [(0, signal.SIGKILL), (1, signal.SIGTERM)])
def test_a_killed_process_ends_the_other_and_the_run_goes_on(photographs, alone, tmp_path, victim, number):
    processes = start_two(photographs, [tmp_path] * 2)
    while not list(tmp_path.glob("checkpoints/step_*")) and processes[victim].poll() is None:
        time.sleep(0.05)
    processes[victim].send_signal(number)
    errors = [process.communicate(timeout=200)[1] for process in processes][1 - victim]
    assert processes[1 - victim].returncode not in (0, None)
    assert processes[victim].returncode == (143 if number == signal.SIGTERM else -number)
    assert "most likely because one died" in errors or "another task died" in errors  # Ours, or JAX's own.
    assert len(log(tmp_path)) < 10
    finish(*start_two(photographs, [tmp_path] * 2))
    assert_same_curve(tmp_path, alone)


@pytest.mark.skipif(BACKEND != "jax", reason="several processes are JAX's")
def test_the_clock_of_the_first_process_ends_all(photographs, tmp_path):
    finish(*start_two(photographs, [tmp_path] * 2, "--hours", "0"))
    assert [row["step"] for row in log(tmp_path)] == ["5"]


@pytest.mark.skipif(BACKEND != "jax", reason="several processes are JAX's")
def test_processes_that_do_not_see_the_same_folder_are_refused(photographs, alone, tmp_path):
    first, second = start_two(photographs, [tmp_path, alone])
    assert "`output`" in second.communicate(timeout=200)[1]
    assert second.returncode == 2
    first.communicate(timeout=200)
    assert first.returncode not in (0, None)  # Ours, or that of JAX, which ends a process that waits for a dead one.


def test_what_cannot_be_trained_on_several_devices_is_refused(tmp_path):
    recipe = Recipe(build=imdn, scale=4, steps=1, learning_rate=1, schedule=halving(1), batch_size=4)
    Run(recipe, tmp_path, "float32", Group(devices=2)).check_devices()
    with pytest.raises(ValueError, match="`batch_size`"):
        Run(recipe, tmp_path, "float32", Group(devices=3)).check_devices()
    if BACKEND == "tensorflow":  # Keras looks at the gradients of the first device alone.
        with pytest.raises(ValueError, match="`precision`"):
            Run(recipe, tmp_path, "mixed_float16", Group(devices=2)).check_devices()


def test_one_device_is_a_group_of_its_own():
    assert find_group(False) == Group(0, 1, 1, None)


def test_what_a_backend_cannot_do_is_refused(monkeypatch):
    monkeypatch.setenv(SEVERAL_HOSTS, "2")
    if BACKEND != "jax":
        with pytest.raises(ValueError, match="KERAS_BACKEND"):
            find_group(False)
    monkeypatch.delenv(SEVERAL_HOSTS)
    if BACKEND == "torch":
        with pytest.raises(ValueError, match="KERAS_BACKEND"):
            find_group(True)
