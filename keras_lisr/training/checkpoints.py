"""Checkpoints for exact resume: `.keras` files with weights and optimizer, which every backend reads.

See docs/decisions/0008-checkpoints.md.
"""

import re
import warnings
import zipfile
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from keras_lisr.basics.whole_files import write_whole
from keras_lisr.training.distribution import use_first_device

KEPT = 2


class Steps(NamedTuple):
    """First step of a start, and the length of its epochs, which are counted from the run's first start."""

    first: int
    per_epoch: int

    @property
    def first_epoch(self) -> int:
        """Epoch that begins at the first step."""
        return self.first // self.per_epoch

    def until(self, epoch: int) -> int:
        """Returns the number of steps before an epoch."""
        return self.first + (epoch - self.first_epoch) * self.per_epoch


class Checkpoint(keras.callbacks.Callback):
    """Saves the model with its optimizer after every epoch, as `step_00001000.keras` and so on; the newest two stay.

    The step is in the file's name because the optimizer does not count steps whose scaled gradients overflow.
    """

    def __init__(self, folder: Path, steps: Steps):
        super().__init__()
        self.folder = folder
        self.steps = steps

    def on_epoch_end(self, epoch, logs=None):
        file = self.folder / f"step_{self.steps.until(epoch + 1):08d}.keras"
        with write_whole(file) as partial, use_first_device():
            self.model.save(partial)
        for step in sorted(checkpoints(self.folder))[:-KEPT]:
            checkpoints(self.folder)[step].unlink()


class TerminateOnNonFinite(keras.callbacks.Callback):
    """Ends the run with an error if the loss, the weights or the optimizer are not finite.

    It comes before `Checkpoint`, so that every checkpoint is good. Steps whose scaled gradients overflow do not end the
    run: Keras's optimizer skips them.
    """

    async_safe = True  # Keras need not wait for accelerators before it calls this.

    def __init__(self, folder: Path, steps: Steps):
        super().__init__()
        self.folder = folder
        self.steps = steps

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch_start = self.steps.until(epoch)

    def on_train_batch_end(self, batch, logs=None):
        if not np.isfinite(logs["loss"]):
            self.terminate("the loss", self.epoch_start + batch + 1)

    def on_epoch_end(self, epoch, logs=None):
        variables = (*self.model.variables, *self.model.optimizer.variables)
        if not all(np.isfinite(keras.ops.convert_to_numpy(variable)).all() for variable in variables):
            self.terminate("the network or its optimizer", self.steps.until(epoch + 1))

    def terminate(self, what: str, step: int) -> None:
        written = checkpoints(self.folder)
        last = f"the run goes on from {written[max(written)]}" if written else "there is no checkpoint yet"
        raise FloatingPointError(
            f"{what} was not finite at step {step}; {last}. A lower learning rate, a gradient clip or float32 may help"
        )


def checkpoints(folder: Path) -> dict[int, Path]:
    """Returns the checkpoints in a folder by their steps; none if there is no folder."""
    names = {file: re.fullmatch(r"step_(\d+)\.keras", file.name) for file in folder.glob("*.keras")}
    return {int(name[1]): file for file, name in names.items() if name}


def resume(model: keras.Model, folder: Path) -> int:
    """Loads the last checkpoint into a compiled model, with the state of its optimizer, which is built.

    Returns:
        The checkpoint's step.

    Raises:
        ValueError: If the checkpoint is of another network, or damaged.
    """
    step, file = max(checkpoints(folder).items())
    try:
        with zipfile.ZipFile(file) as archive, warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # Keras only warns when it skips an optimizer's state.
            if damaged := archive.testzip():
                raise ValueError(f"{damaged} is damaged")
            model.load_weights(file)
    except Exception as error:  # A damaged file may look encrypted, or compressed by an unknown method.
        raise ValueError(
            "`output` must be a new folder or hold a run of this network, in mixed_float16 if that run was; without a "
            f"damaged {file.name} it resumes from the checkpoint before. Received: output={str(folder.parent)!r}"
        ) from error
    return step
