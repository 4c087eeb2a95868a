"""What happens between the epochs of a run."""

import math
import os
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import keras
import numpy as np

from keras_lisr.data.imresize import imresize


@contextmanager
def averages_in_place(model: keras.Model) -> Iterator[None]:
    """Puts the optimizer's moving averages in the place of the weights for a while.

    The weights come back to the bit, which `keras.callbacks.SwapEMAWeights` does not promise: on TensorFlow it swaps
    by adding and subtracting.
    """
    weights = copies(model.trainable_variables)
    model.optimizer.finalize_variable_values(model.trainable_variables)
    # On JAX the weights are now the very arrays of the averages, and the next compiled step would consume both.
    assign(model.trainable_variables, copies(model.trainable_variables))
    try:
        yield
    finally:
        assign(model.trainable_variables, weights)


def copies(variables: list[keras.Variable]) -> list[np.ndarray]:
    """The values of variables, copied, so that later changes do not reach them."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def assign(variables: list[keras.Variable], values: list[np.ndarray]) -> None:
    """Sets each variable to its value."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def save_whole(model: keras.Model, file: Path) -> None:
    """Saves a model under another name, flushes it to the disk and renames it: the file is complete or absent."""
    partial = file.with_name(f"partial_{file.name}")
    model.save(partial)
    with partial.open("rb") as written:
        os.fsync(written.fileno())
    partial.replace(file)


class ValidateAverages(keras.callbacks.Callback):
    """Validates the averaged weights instead of the last ones."""

    def on_test_begin(self, logs=None):
        self.averages = ExitStack()
        self.averages.enter_context(averages_in_place(self.model))

    def on_test_end(self, logs=None):
        self.averages.close()


class AveragedModel(keras.callbacks.Callback):
    """Saves the network with the averaged weights after every epoch, without the optimizer.

    Args:
        folder: Where `averaged.keras`, and `best.keras`, the one with the highest `val_psnr`, go.
        best_psnr: The highest of the epochs before.
    """

    def __init__(self, folder: Path, best_psnr: float = -math.inf):
        super().__init__()
        self.folder = folder
        self.best_psnr = best_psnr

    def on_epoch_end(self, epoch, logs=None):
        network = keras.Model(self.model.input, self.model.output, name=self.model.name)
        with averages_in_place(self.model):
            save_whole(network, self.folder / "averaged.keras")
            if logs["val_psnr"] > self.best_psnr:
                self.best_psnr = logs["val_psnr"]
                save_whole(network, self.folder / "best.keras")


class Checkpoint(keras.callbacks.Callback):
    """Saves the model with its optimizer after every epoch, so that a killed run goes on from there.

    The name tells the step, which the optimizer does not know: one that scales its loss leaves out the steps that
    overflow.

    Args:
        folder: Where `step_00001000.keras` and its like go; each replaces the one before.
        first_step: Steps before the first epoch.
        steps_per_epoch: Steps in an epoch.
    """

    def __init__(self, folder: Path, first_step: int, steps_per_epoch: int):
        super().__init__()
        self.folder = folder
        self.step = first_step
        self.steps_per_epoch = steps_per_epoch

    def on_epoch_end(self, epoch, logs=None):
        self.step += self.steps_per_epoch
        file = self.folder / f"step_{self.step:08d}.keras"
        save_whole(self.model, file)
        for other in checkpoints(self.folder).values():
            if other != file:
                other.unlink()


def checkpoints(folder: Path) -> dict[int, Path]:
    """The checkpoints in a folder by the step after which each was written."""
    names = {file: re.fullmatch(r"step_(\d+)\.keras", file.name) for file in folder.iterdir()}
    return {int(name[1]): file for file, name in names.items() if name}


class TimeLimit(keras.callbacks.Callback):
    """Ends the run after the first epoch that finishes later than `seconds` from its start."""

    def __init__(self, seconds: float):
        super().__init__()
        self.seconds = seconds

    def on_train_begin(self, logs=None):
        self.start = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        if time.monotonic() - self.start > self.seconds:
            self.model.stop_training = True


class ImageGrid(keras.callbacks.Callback):
    """Writes low resolution (pixels enlarged), bicubic, super-resolved and high resolution side by side to TensorBoard.

    Needs TensorFlow for its summary writer.

    Args:
        folder: TensorBoard's folder.
        high_resolution: Crops, uint8 `(height, width, 3)`, each a row of the grid.
        scale: Upscaling factor.
    """

    def __init__(self, folder: Path, high_resolution: list[np.ndarray], scale: int):
        super().__init__()
        self.folder = folder
        self.high_resolution = high_resolution
        self.scale = scale

    def on_train_begin(self, logs=None):
        import tensorflow as tf

        self.writer = tf.summary.create_file_writer(str(self.folder))

    def on_epoch_end(self, epoch, logs=None):
        import tensorflow as tf

        with averages_in_place(self.model), self.writer.as_default():
            for i, image in enumerate(self.high_resolution):
                tf.summary.image(f"crop_{i}", self.row(image)[None], step=epoch)

    def row(self, high_resolution: np.ndarray) -> np.ndarray:
        """One row of the grid, uint8 `(height, 4 x width, 3)`."""
        low_resolution = imresize(high_resolution, 1 / self.scale)
        super_resolved = self.model(low_resolution[None].astype("float32") / 255, training=False)
        super_resolved = keras.ops.convert_to_numpy(super_resolved)[0]
        return np.concatenate(
            [
                low_resolution.repeat(self.scale, axis=0).repeat(self.scale, axis=1),
                imresize(low_resolution, self.scale),
                (super_resolved.clip(0, 1) * 255 + 0.5).astype(np.uint8),
                high_resolution,
            ],
            axis=1,
        )
