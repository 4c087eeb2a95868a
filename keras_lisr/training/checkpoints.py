"""Checkpoints from which a run goes on exactly: whole or absent, and two of them.

Each is Keras's own `.keras` file, weights and optimizer, which every backend reads; see
docs/decisions/0008-checkpoints.md.
"""

import logging
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
    """The first step of a run and how its steps are divided into epochs, which are counted from its first start."""

    first: int
    per_epoch: int

    @property
    def first_epoch(self) -> int:
        """The epoch that begins after the first steps."""
        return self.first // self.per_epoch

    def until(self, epoch: int) -> int:
        """Steps made when an epoch begins."""
        return self.first + (epoch - self.first_epoch) * self.per_epoch


class Checkpoint(keras.callbacks.Callback):
    """Saves the model with its optimizer after every epoch, so that a killed run goes on from there.

    The name tells the step, which the optimizer need not know: with a scaled loss it leaves out steps that overflow.

    Args:
        folder: Where `step_00001000.keras` and its like go; the newest two stay.
        steps: Where the run begins.
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
    """Ends the run with an error where the loss, the weights or the optimizer are no longer finite.

    They are looked at before an epoch's checkpoint is written, so that every checkpoint is good. Where gradients of a
    scaled loss overflow, Keras's optimizer leaves the step out, and nothing ends.
    """

    async_safe = True  # The order of the calls does not matter, so that accelerators are not waited for.

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
        """Raises a FloatingPointError that names the last checkpoint."""
        written = checkpoints(self.folder)
        last = f"the run goes on from {written[max(written)]}" if written else "there is no checkpoint yet"
        raise FloatingPointError(
            f"{what} was not finite at step {step}; {last}. A lower learning rate, a gradient clip or float32 may help"
        )


def checkpoints(folder: Path) -> dict[int, Path]:
    """The checkpoints in a folder, if it is there, by the step after which each was written."""
    names = {file: re.fullmatch(r"step_(\d+)\.keras", file.name) for file in folder.glob("*.keras")}
    return {int(name[1]): file for file, name in names.items() if name}


def resume(model: keras.Model, folder: Path) -> int:
    """Puts the weights and the optimizer's state of the last whole checkpoint into a new model.

    Args:
        model: Compiled model whose optimizer is built.
        folder: Where the checkpoints are.

    Returns:
        The step after which it was written.

    Raises:
        ValueError: If it is that of another network, or if none of the checkpoints is whole.
    """
    for step, file in sorted(checkpoints(folder).items(), reverse=True):
        if not is_whole(file):
            logging.getLogger(__name__).warning("%s is damaged; going on from the checkpoint before it", file)
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", UserWarning)  # Keras only warns when it leaves an optimizer's state out.
                model.load_weights(file)
        except (ValueError, UserWarning) as error:
            raise ValueError(
                f"`output` must be a new folder, or that of a run of this network, both in float16 or neither. "
                f"Received: output={str(folder.parent)!r}"
            ) from error
        return step
    raise ValueError(
        "`output` must hold a whole checkpoint, if any; start anew in another folder, from its averaged.keras. "
        f"Received: output={str(folder.parent)!r}, whose checkpoints are all damaged"
    )


def is_whole(file: Path) -> bool:
    """Whether a `.keras` file is complete and its content has the checksums that it was written with."""
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.testzip() is None
    except Exception:  # What is damaged may look encrypted, or packed in an unknown way.
        return False
