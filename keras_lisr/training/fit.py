"""A recipe and images in, a trained network out."""

import csv
import importlib.util
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import keras
import numpy as np

from keras_lisr.data.imresize import imresize
from keras_lisr.data.patch_sequence import PatchSequence
from keras_lisr.data.patches import PatchSampler, crop_to_multiple
from keras_lisr.evaluation.metrics import PSNR
from keras_lisr.precision import fast_bfloat16
from keras_lisr.training.callbacks import Checkpoint, ImageGrid, TimeLimit
from keras_lisr.training.recipe import Recipe
from keras_lisr.zoo import from_preset

CROP_SIZE = 144


def fit(
    recipe: Recipe,
    high_resolution: Sequence[np.ndarray],
    output: str | PathLike,
    *,
    validation: Sequence[np.ndarray],
    precision: str = "auto",
    seed: int = 0,
    steps_per_epoch: int = 1000,
    start_from: str | Path | None = None,
    hours: float | None = None,
) -> keras.Model:
    """Trains a network with `model.fit`, or goes on with a run that was interrupted.

    A run is a folder: `checkpoint.keras` (weights and optimizer, after every epoch), `averaged.keras` (the moving
    average of the weights), `best.keras` (the average that validated best), `log.csv` and, where TensorFlow is
    installed, `tensorboard/`. Calling again with the same folder goes on after the last finished epoch, with the
    patches, learning rate and averages that the uninterrupted run would have had.

    Args:
        recipe: What to train and how.
        high_resolution: Training images, uint8 `(height, width, 3)`.
        output: Folder of the run; made where absent.
        validation: Whole images, kept out of training, whose PSNR (luma, shave = scale) is measured after every epoch.
        precision: "float32", "mixed_bfloat16", "mixed_float16" or "auto": bfloat16 where the processor computes it
            fast.
        seed: Seed of the weights and of the patches.
        steps_per_epoch: Steps between two validations and checkpoints; an epoch for `fit`, not a pass over the data.
            The recipe's steps are rounded up to whole epochs.
        start_from: Preset, or `.keras` file, whose weights a new run starts from; of the same network.
        hours: Wall time after which the run stops at the end of an epoch, to be gone on with later.

    Returns:
        The network with the averaged weights of the last epoch.

    Raises:
        ValueError: If there are no validation images, `precision` is none of these, or as `PatchSampler` says.
    """
    if not validation:
        raise ValueError("`validation` must hold at least one image. Received none.")
    keras.utils.set_random_seed(seed)
    if precision == "auto":
        precision = "mixed_bfloat16" if fast_bfloat16() else "float32"
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    checkpoint, log = output / "checkpoint.keras", output / "log.csv"

    model = resumed_model(checkpoint) or new_model(recipe, start_from, precision)
    first_step = int(model.optimizer.iterations)
    steps_per_epoch = min(steps_per_epoch, recipe.steps)
    first_epoch, epochs = first_step // steps_per_epoch, -(-recipe.steps // steps_per_epoch)
    if first_epoch >= epochs:
        return keras.models.load_model(output / "averaged.keras", compile=False)

    sampler = PatchSampler(
        high_resolution,
        scale=recipe.scale,
        patch_size=recipe.patch_size,
        batch_size=recipe.batch_size,
        seed=seed,
        candidates=recipe.candidates,
    )
    callbacks = [
        Checkpoint(checkpoint),  # Before the averages take the place of the weights.
        keras.callbacks.SwapEMAWeights(swap_on_epoch=True),
        keras.callbacks.ModelCheckpoint(str(output / "averaged.keras")),
        keras.callbacks.ModelCheckpoint(
            str(output / "best.keras"),
            monitor="val_psnr",
            mode="max",
            save_best_only=True,
            initial_value_threshold=best_so_far(log),
        ),
        keras.callbacks.CSVLogger(str(log), append=first_step > 0),
    ]
    if importlib.util.find_spec("tensorflow"):
        crops = [image[:CROP_SIZE, :CROP_SIZE] for image in validation[:4]]
        callbacks += [
            keras.callbacks.TensorBoard(str(output / "tensorboard"), write_graph=False),
            ImageGrid(output / "tensorboard" / "images", crops, recipe.scale),
        ]
    if hours is not None:
        callbacks.append(TimeLimit(hours * 3600))

    model.fit(
        training_batches(sampler, steps_per_epoch, first_step),
        shuffle=False,  # The sampler's order is the run's.
        steps_per_epoch=steps_per_epoch,
        initial_epoch=first_epoch,
        epochs=epochs,
        validation_data=ValidationSequence(validation, recipe.scale),
        callbacks=callbacks,
    )
    return keras.models.load_model(output / "averaged.keras", compile=False)


def new_model(recipe: Recipe, start_from: str | Path | None, precision: str) -> keras.Model:
    """The compiled network before its first step."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        model = recipe.build()
    finally:
        keras.config.set_dtype_policy(policy)
    if start_from is not None:
        is_file = str(start_from).endswith(".keras")
        source = keras.models.load_model(start_from, compile=False) if is_file else from_preset(start_from)
        model.set_weights(source.get_weights())
    # XLA is slower than oneDNN on processors, several times so for depthwise convolutions; elsewhere Keras decides.
    jit_compile = False if keras.backend.backend() == "tensorflow" and not has_gpu() else "auto"
    model.compile(recipe.optimizer(), recipe.loss, metrics=[PSNR(shave=recipe.scale)], jit_compile=jit_compile)
    return model


def resumed_model(checkpoint: Path) -> keras.Model | None:
    """The network, compiled and with its optimizer's state, as `Checkpoint` left it; None where nothing was left."""
    return keras.models.load_model(checkpoint) if checkpoint.exists() else None


def best_so_far(log: Path) -> float | None:
    """The highest validation PSNR in a `CSVLogger`'s file; None where there is none yet."""
    if not log.exists():
        return None
    with log.open(newline="") as rows:
        return max((float(row["val_psnr"]) for row in csv.DictReader(rows)), default=None)


def has_gpu() -> bool:
    """Whether TensorFlow sees a GPU."""
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def training_batches(sampler: PatchSampler, steps_per_epoch: int, first_step: int):
    """The sampler's batches in the form that suits the backend: tf.data for TensorFlow, a PyDataset for the others."""
    if keras.backend.backend() == "tensorflow":
        from keras_lisr.data.pipeline import patch_dataset

        return patch_dataset(sampler, first_step)
    return PatchSequence(sampler, steps_per_epoch, first_step)


class ValidationSequence(keras.utils.PyDataset):
    """Whole images and their low-resolution versions, one a batch, float32 in [0, 1]."""

    def __init__(self, high_resolution: Sequence[np.ndarray], scale: int):
        super().__init__()
        self.high_resolution = [crop_to_multiple(image, scale) for image in high_resolution]
        self.low_resolution = [imresize(image, 1 / scale) for image in self.high_resolution]

    def __len__(self) -> int:
        return len(self.high_resolution)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        low_resolution, high_resolution = self.low_resolution[index], self.high_resolution[index]
        return low_resolution[None].astype(np.float32) / 255, high_resolution[None].astype(np.float32) / 255
