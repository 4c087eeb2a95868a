"""A recipe and images in, a trained network out."""

import csv
import importlib.util
import math
import warnings
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
from keras_lisr.training.callbacks import (
    AveragedModel,
    Checkpoint,
    ImageGrid,
    TimeLimit,
    ValidateAverages,
    assign,
    checkpoints,
    copies,
)
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

    A run is a folder: `checkpoints/` (weights and optimizer, after every epoch), `averaged.keras` (the network with the
    moving average of the weights), `best.keras` (the average that validated best), `log.csv` and, where TensorFlow is
    installed, `tensorboard/`. Calling again with the same folder goes on after the last finished epoch, with the
    patches, learning rate and averages that the uninterrupted run would have had. A recipe that has changed since is
    followed from there on; only its network has to be that of the checkpoint.

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
        start_from: Preset, or `.keras` file, whose weights a new run starts from; of the same network, for any scale.
        hours: Wall time after which the run stops at the end of an epoch, to be gone on with later.

    Returns:
        The network with the averaged weights of the last epoch.

    Raises:
        ValueError: If there are no validation images, `precision` is none of these, `output` holds the run of another
            network or, of the two, one in float16, `start_from` is another network, or as `PatchSampler` says.
    """
    if not validation:
        raise ValueError("`validation` must hold at least one image. Received none.")
    keras.utils.set_random_seed(seed)
    if precision == "auto":
        precision = "mixed_bfloat16" if fast_bfloat16() else "float32"
    output = Path(output)
    checkpoint_folder = output / "checkpoints"
    checkpoint_folder.mkdir(parents=True, exist_ok=True)

    going_on = bool(checkpoints(checkpoint_folder))
    model = new_model(recipe, None if going_on else start_from, precision)
    first_step = resume(model, checkpoint_folder) if going_on else 0
    if first_step >= recipe.steps:
        model.optimizer.finalize_variable_values(model.trainable_variables)  # As `model.fit` does at its end.
    else:
        sampler = PatchSampler(
            high_resolution,
            scale=recipe.scale,
            patch_size=recipe.patch_size,
            batch_size=recipe.batch_size,
            seed=seed,
            candidates=recipe.candidates,
        )
        steps_per_epoch = min(steps_per_epoch, recipe.steps)
        first_epoch = first_step // steps_per_epoch
        model.fit(
            training_batches(sampler, steps_per_epoch, first_step),
            shuffle=False,  # The sampler's order is the run's.
            steps_per_epoch=steps_per_epoch,
            initial_epoch=first_epoch,
            epochs=first_epoch + math.ceil((recipe.steps - first_step) / steps_per_epoch),
            validation_data=ValidationSequence(validation, recipe.scale),
            callbacks=[
                *run_files(output, first_epoch),
                *tensorboard(output, validation, recipe.scale),
                # After all that writes: an epoch with a checkpoint lacks nothing else.
                Checkpoint(checkpoint_folder, first_step, steps_per_epoch),
                *([TimeLimit(hours * 3600)] if hours is not None else []),
            ],
        )
    # On JAX the weights are now the very arrays of the averages, and a compiled step would consume both.
    assign(model.trainable_variables, copies(model.trainable_variables))
    return model


def run_files(output: Path, first_epoch: int) -> list[keras.callbacks.Callback]:
    """What validates and writes the averages and the log, from an epoch on."""
    log = output / "log.csv"
    cut_log(log, first_epoch)
    return [
        ValidateAverages(),
        AveragedModel(output, best_psnr=best_so_far(log)),
        keras.callbacks.CSVLogger(str(log), append=first_epoch > 0),
    ]


def tensorboard(output: Path, validation: Sequence[np.ndarray], scale: int) -> list[keras.callbacks.Callback]:
    """Curves and pictures, where TensorFlow is installed to write them."""
    if not importlib.util.find_spec("tensorflow"):
        return []
    crops = [crop_to_multiple(image[:CROP_SIZE, :CROP_SIZE], scale) for image in validation[:4]]
    return [
        keras.callbacks.TensorBoard(str(output / "tensorboard"), write_graph=False),
        ImageGrid(output / "tensorboard" / "images", crops, scale),
    ]


def new_model(recipe: Recipe, start_from: str | Path | None, precision: str) -> keras.Model:
    """The compiled network before its first step."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        model = recipe.build()
    finally:
        keras.config.set_dtype_policy(policy)
    if start_from is not None:
        warm_start(model, start_from)
    # XLA is slower than oneDNN on processors, several times so for depthwise convolutions; elsewhere Keras decides.
    jit_compile = False if keras.backend.backend() == "tensorflow" and not has_gpu() else "auto"
    model.compile(recipe.optimizer(), recipe.loss, metrics=[PSNR(shave=recipe.scale)], jit_compile=jit_compile)
    return model


def warm_start(model: keras.Model, start_from: str | Path) -> None:
    """Sets a new network's weights to those of a trained one, less what of the upsampler has another shape.

    Raises:
        ValueError: If the two differ elsewhere.
    """
    is_file = str(start_from).endswith(".keras")
    source = keras.models.load_model(start_from, compile=False) if is_file else from_preset(start_from)
    trained = {weight.path: weight for weight in source.weights}
    new = {weight.path: weight for weight in model.weights}
    for path in {**trained, **new}:
        if path in trained and path in new and trained[path].shape == new[path].shape:
            new[path].assign(trained[path])
        elif not path.startswith("upsample"):
            raise ValueError(
                f"`start_from` must be a network of this kind, of any scale. "
                f"Received: start_from={str(start_from)!r}, in which {path!r} differs"
            )


def resume(model: keras.Model, folder: Path) -> int:
    """Puts the weights and the optimizer's state of the last checkpoint into a new model.

    Returns:
        The step after which it was written.

    Raises:
        ValueError: If it is that of another network, or one of the two is trained in float16.
    """
    step, file = max(checkpoints(folder).items())
    model.optimizer.build(model.trainable_variables)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # Keras only warns when it leaves an optimizer's state out.
            model.load_weights(file)
    except (ValueError, UserWarning) as error:
        raise ValueError(
            "`output` must be a new folder, or that of a run of this network, in float16 too or neither. "
            f"Received: output={str(folder.parent)!r}"
        ) from error
    return step


def cut_log(log: Path, first_epoch: int) -> None:
    """Takes the epoch that comes next off a `CSVLogger`'s file: a kill came between its row and its checkpoint."""
    if log.exists():
        lines = log.read_text().splitlines(keepends=True)
        if lines and lines[-1].split(",")[0] == str(first_epoch):
            partial = log.with_name("partial_log.csv")
            partial.write_text("".join(lines[:-1]))
            partial.replace(log)


def best_so_far(log: Path) -> float:
    """The highest validation PSNR in a `CSVLogger`'s file, -inf where there is none."""
    if not log.exists():
        return -math.inf
    with log.open(newline="") as rows:
        values = (float(row["val_psnr"]) for row in csv.DictReader(rows))
        return max((value for value in values if not math.isnan(value)), default=-math.inf)


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
