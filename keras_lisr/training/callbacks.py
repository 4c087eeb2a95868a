"""Keras callbacks of a run: validation and the time limit."""

import math
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import keras
import numpy as np

from keras_lisr.basics.whole_files import write_whole
from keras_lisr.evaluation.metrics import psnr
from keras_lisr.graph.cast import cast_model
from keras_lisr.inference.engines import Precision
from keras_lisr.inference.upscaler import Upscaler
from keras_lisr.training.checkpoints import Steps
from keras_lisr.training.distribution import Group, use_first_device


class AveragedModel(keras.callbacks.Callback):
    """Fills a network with the averaged weights after every epoch, validates it and saves it.

    Logs `val_psnr` (luma, 8 bits, shave = scale, averaged per image), the step, and the seconds that training took.

    Args:
        network: Network like the model in training.
        pairs: Low and high resolution to validate on, uint8 `(height, width, 3)`.
        scale: Upscaling factor.
        steps: First step and epochs of the run.
        folder: Folder for `averaged.keras`, and `best.keras`, the one with the highest `val_psnr`.
        best_psnr: Highest `val_psnr` of earlier epochs.
    """

    def __init__(
        self,
        network: keras.Model,
        pairs: Iterable[tuple[np.ndarray, np.ndarray]],
        scale: int,
        steps: Steps,
        folder: Path,
        best_psnr: float = -math.inf,
    ):
        super().__init__()
        self.network = network
        self.precision: Precision = "bfloat16" if "bfloat16" in {x.compute_dtype for x in network.layers} else "float32"
        self.upscale = self.make_upscaler()
        self.pairs = pairs
        self.scale = scale
        self.steps = steps
        self.folder = folder
        self.best_psnr = best_psnr

    def make_upscaler(self) -> Upscaler:
        upscaler = Upscaler(self.network, precision=self.precision)
        upscaler.warns = False
        return upscaler

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        logs["seconds"] = time.monotonic() - self.start
        fill_with_averages(self.network, self.model)
        if cast_model(self.network, self.precision) is not self.network:
            self.upscale = self.make_upscaler()  # The old one holds a copy of the old weights.
        with use_first_device():
            logs["val_psnr"] = mean_psnr(self.upscale, self.pairs, self.scale)
        logs["step"] = self.steps.until(epoch + 1)
        averaged = self.folder / "averaged.keras"
        with write_whole(averaged) as partial:
            self.network.save(partial)
        if logs["val_psnr"] > self.best_psnr:
            self.best_psnr = logs["val_psnr"]
            with write_whole(self.folder / "best.keras") as partial:
                shutil.copyfile(averaged, partial)


def fill_with_averages(network: keras.Model, model: keras.Model) -> None:
    """Copies the moving averages that the optimizer of a model in training keeps into a network."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)  # LossScaleOptimizer wraps it.
    for variable, average in zip(
        network.trainable_variables + network.non_trainable_variables,
        optimizer.averages + model.non_trainable_variables,
        strict=True,
    ):
        variable.assign(np.array(keras.ops.convert_to_numpy(average)))  # A copy: a training step consumes JAX's arrays.


def mean_psnr(
    upscale: Callable[[np.ndarray], np.ndarray], pairs: Iterable[tuple[np.ndarray, np.ndarray]], scale: int
) -> float:
    """Returns the PSNR of luma, shave = scale, averaged over pairs of low and high resolution."""
    return float(np.mean([psnr(image, upscale(low_resolution), shave=scale) for low_resolution, image in pairs]))


class TimeLimit(keras.callbacks.Callback):
    """Ends the run after the first epoch that finishes `seconds` after its start, by the clock of the first process."""

    def __init__(self, seconds: float, group: Group):
        super().__init__()
        self.seconds = seconds
        self.group = group

    def on_train_begin(self, logs=None):
        self.start = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        if self.group.ask_first(time.monotonic() - self.start > self.seconds):
            self.model.stop_training = True
