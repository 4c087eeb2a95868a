"""What happens between the epochs of a run."""

import os
import time
from pathlib import Path

import keras
import numpy as np

from keras_lisr.data.imresize import imresize


class Checkpoint(keras.callbacks.Callback):
    """Saves the model with its optimizer after every epoch, so that a killed run goes on from there.

    The file is complete or absent: it is written under another name, flushed to the disk and renamed.

    Args:
        file: Where to save, ending in `.keras`.
    """

    def __init__(self, file: Path):
        super().__init__()
        self.file = file

    def on_epoch_end(self, epoch, logs=None):
        partial = self.file.with_name(f"partial_{self.file.name}")
        self.model.save(partial)
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(self.file)


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

        with self.writer.as_default():
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
