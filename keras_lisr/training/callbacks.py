"""What happens between the epochs of a run, beside its checkpoints."""

import math
import shutil
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_lisr.basics.whole_files import write_whole
from keras_lisr.data.imresize import imresize
from keras_lisr.data.patch_sequence import PatchSequence
from keras_lisr.evaluation.metrics import psnr
from keras_lisr.layers import ChannelWiseScale
from keras_lisr.training.checkpoints import Steps
from keras_lisr.training.distribution import Group, alone


class EpochStart(keras.callbacks.Callback):
    """Tells a sequence of batches at which step each epoch begins.

    Args:
        batches: Whose `first_step` is set.
        steps: Where the run begins.
    """

    def __init__(self, batches: PatchSequence, steps: Steps):
        super().__init__()
        self.batches = batches
        self.steps = steps

    def on_epoch_begin(self, epoch, logs=None):
        self.batches.first_step = self.steps.until(epoch)


class Averages(keras.callbacks.Callback):
    """Fills a network with the averaged weights after every epoch; the callbacks after it look at that network.

    Args:
        network: One of the same kind as the model in training.
    """

    def __init__(self, network: keras.Model):
        super().__init__()
        self.network = network

    def on_epoch_end(self, epoch, logs=None):
        fill_with_averages(self.network, self.model)


def fill_with_averages(network: keras.Model, model: keras.Model) -> None:
    """Sets a network's weights to the moving averages that the optimizer of a model in training keeps."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)  # In float16 it is wrapped.
    for variable, average in zip(
        network.trainable_variables + network.non_trainable_variables,
        optimizer.averages + model.non_trainable_variables,
        strict=True,
    ):
        variable.assign(np.array(keras.ops.convert_to_numpy(average)))  # Copied: a training step consumes JAX's arrays.


class Validation(keras.callbacks.Callback):
    """Measures the averaged weights on whole images after every epoch, as the field does: `val_psnr`.

    It also logs the step and the seconds that the epoch took until then.

    PSNR on luma, of 8 bits, without `scale` pixels of the border, averaged per image.

    Args:
        network: With the averaged weights.
        pairs: Low and high resolution, uint8 `(height, width, 3)`.
        scale: Upscaling factor.
        steps: Where the run begins.
    """

    def __init__(self, network: keras.Model, pairs: Iterable[tuple[np.ndarray, np.ndarray]], scale: int, steps: Steps):
        super().__init__()
        self.network = network
        self.pairs = pairs
        self.scale = scale
        self.steps = steps

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        logs["seconds"] = time.monotonic() - self.start
        logs["val_psnr"] = mean_psnr(self.network, self.pairs, self.scale)
        logs["step"] = self.steps.until(epoch + 1)


def mean_psnr(network: keras.Model, pairs: Iterable[tuple[np.ndarray, np.ndarray]], scale: int) -> float:
    """PSNR on luma without `scale` pixels of the border, averaged over pairs of low and high resolution."""
    return float(
        np.mean([psnr(image, super_resolve(network, low_resolution), shave=scale) for low_resolution, image in pairs])
    )


def super_resolve(network: keras.Model, low_resolution: np.ndarray) -> np.ndarray:
    """What a network makes of one uint8 image, float32 in about [0, 1]."""
    with alone():
        return network.predict_on_batch(low_resolution[None].astype(np.float32) / 255)[0]


class AveragedModel(keras.callbacks.Callback):
    """Saves the network with the averaged weights after every epoch.

    Args:
        network: With the averaged weights.
        folder: Where `averaged.keras`, and `best.keras`, the one with the highest `val_psnr`, go.
        best_psnr: The highest of the epochs before.
    """

    def __init__(self, network: keras.Model, folder: Path, best_psnr: float = -math.inf):
        super().__init__()
        self.network = network
        self.folder = folder
        self.best_psnr = best_psnr

    def on_epoch_end(self, epoch, logs=None):
        averaged = self.folder / "averaged.keras"
        with write_whole(averaged) as partial:
            self.network.save(partial)
        if logs["val_psnr"] > self.best_psnr:
            self.best_psnr = logs["val_psnr"]
            with write_whole(self.folder / "best.keras") as partial:
                shutil.copyfile(averaged, partial)


class TimeLimit(keras.callbacks.Callback):
    """Ends the run after the first epoch that finishes later than `seconds` from its start.

    Args:
        seconds: Wall time, by the clock of the first process.
        group: The processes of the run.
    """

    def __init__(self, seconds: float, group: Group):
        super().__init__()
        self.seconds = seconds
        self.group = group

    def on_train_begin(self, logs=None):
        self.start = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        if self.group.of_the_first(time.monotonic() - self.start > self.seconds):
            self.model.stop_training = True


class Progress(keras.callbacks.Callback):
    """One line with the steps done, the time left to the run's end, the loss and the PSNR.

    Args:
        steps: Where the run begins.
        total: Steps of the whole run.
    """

    async_safe = True  # An accelerator is not waited for.

    def __init__(self, steps: Steps, total: int):
        super().__init__()
        self.steps = steps
        self.total = total
        self.bar: Any = None

    def on_train_begin(self, logs=None):
        from tqdm import tqdm

        seconds = 1 if sys.stderr.isatty() else 60  # A log file needs no more.
        self.bar = tqdm(
            total=self.total, initial=self.steps.first, unit=" steps", dynamic_ncols=True, mininterval=seconds
        )
        self.validated: dict[str, str] = {}

    def on_train_batch_end(self, batch, logs=None):
        self.shown = {"loss": f"{logs['loss']:.4f}", **self.validated}
        self.bar.set_postfix(self.shown, refresh=False)
        self.bar.update()

    def on_epoch_end(self, epoch, logs=None):
        self.validated = {"PSNR": f"{logs['val_psnr']:.2f} dB"}
        self.bar.set_postfix({**self.shown, **self.validated})

    def on_train_end(self, logs=None):
        if self.bar is not None:
            self.bar.close()


class TensorBoardCurves(keras.callbacks.TensorBoard):
    """Keras's curves over the steps of the run: epochs may change their length.

    Args:
        folder: TensorBoard's folder.
        steps: Where the run begins.
    """

    def __init__(self, folder: Path, steps: Steps):
        super().__init__(str(folder), write_graph=False)
        self.steps = steps

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(self.steps.until(epoch + 1), logs)


class TensorBoardPictures(keras.callbacks.Callback):
    """Shows TensorBoard what the averaged weights make of some crops, the attention map, and the alphas of CWSS.

    A row holds low resolution (pixels enlarged), bicubic, super-resolved and high resolution. The attention map is
    the mean of GA over its channels, from 0, black, to 1.

    Needs TensorFlow for its summary writer.

    Args:
        network: With the averaged weights.
        folder: TensorBoard's folder.
        pairs: Crops of low and high resolution, uint8 `(height, width, 3)`, each a row.
        scale: Upscaling factor.
        steps: Where the run begins.
    """

    def __init__(
        self,
        network: keras.Model,
        folder: Path,
        pairs: Iterable[tuple[np.ndarray, np.ndarray]],
        scale: int,
        steps: Steps,
    ):
        super().__init__()
        self.network = network
        self.folder = folder
        self.pairs = pairs
        self.scale = scale
        self.steps = steps

    def on_train_begin(self, logs=None):
        import tensorflow as tf

        self.writer = tf.summary.create_file_writer(str(self.folder))
        layers = {layer.name: layer for layer in self.network.layers}
        self.scales = [layer for layer in layers.values() if isinstance(layer, ChannelWiseScale)]
        self.attention = None
        if "global_attention" in layers:
            self.attention = keras.Model(self.network.input, layers["global_attention"].output)
            self.attention.jit_compile = self.network.jit_compile

    def on_epoch_end(self, epoch, logs=None):
        import tensorflow as tf

        step = self.steps.until(epoch + 1)
        with self.writer.as_default(step):
            for i, (low_resolution, image) in enumerate(self.pairs, start=1):
                tf.summary.image(f"crop_{i}", self.row(low_resolution, image)[None])
                if self.attention:
                    attention = super_resolve(self.attention, low_resolution).mean(axis=-1, keepdims=True)
                    tf.summary.image(f"attention_{i}", attention[None])
            for layer in self.scales:
                tf.summary.histogram(f"alpha/{layer.name}", keras.ops.convert_to_numpy(layer.alpha))
        self.writer.flush()

    def row(self, low_resolution: np.ndarray, high_resolution: np.ndarray) -> np.ndarray:
        """The four pictures beside each other, uint8 `(height, 4 x width, 3)`."""
        super_resolved = super_resolve(self.network, low_resolution)
        return np.concatenate(
            [
                low_resolution.repeat(self.scale, axis=0).repeat(self.scale, axis=1),
                imresize(low_resolution, self.scale),
                (super_resolved.clip(0, 1) * 255 + 0.5).astype(np.uint8),
                high_resolution,
            ],
            axis=1,
        )
