"""A recipe and images in, a trained network out."""

import csv
import importlib.util
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
    checkpoints,
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
    patches, learning rate and averages that the uninterrupted run would have had. The rest of the run is as the recipe
    given says; only its network has to be that of the checkpoint.

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
            network or precision, `start_from` is another network, or as `PatchSampler` says.
    """
    if not validation:
        raise ValueError("`validation` must hold at least one image. Received none.")
    keras.utils.set_random_seed(seed)
    if precision == "auto":
        precision = "mixed_bfloat16" if fast_bfloat16() else "float32"
    output = Path(output)
    checkpoint_folder = output / "checkpoints"
    checkpoint_folder.mkdir(parents=True, exist_ok=True)

    model = new_model(recipe, start_from, precision)
    first_step = resume(model, checkpoint_folder)
    steps_per_epoch = min(steps_per_epoch, recipe.steps)
    first_epoch, epochs = first_step // steps_per_epoch, -(-recipe.steps // steps_per_epoch)
    sampler = PatchSampler(
        high_resolution,
        scale=recipe.scale,
        patch_size=recipe.patch_size,
        batch_size=recipe.batch_size,
        seed=seed,
        candidates=recipe.candidates,
    )
    log = output / "log.csv"
    callbacks = [
        ValidateAverages(),
        AveragedModel(output, best_psnr=best_so_far(log) if first_step else None),
        keras.callbacks.CSVLogger(str(log), append=first_step > 0),
        Checkpoint(checkpoint_folder, first_step, steps_per_epoch),  # Last: an epoch that has one lacks nothing else.
    ]
    if importlib.util.find_spec("tensorflow"):
        crops = [image[:CROP_SIZE, :CROP_SIZE] for image in validation[:4]]
        callbacks += [
            keras.callbacks.TensorBoard(str(output / "tensorboard"), write_graph=False),
            ImageGrid(output / "tensorboard" / "images", crops, recipe.scale),
        ]
    if hours is not None:
        callbacks.append(TimeLimit(hours * 3600))

    if first_epoch < epochs:
        model.fit(
            training_batches(sampler, steps_per_epoch, first_step),
            shuffle=False,  # The sampler's order is the run's.
            steps_per_epoch=steps_per_epoch,
            initial_epoch=first_epoch,
            epochs=epochs,
            validation_data=ValidationSequence(validation, recipe.scale),
            callbacks=callbacks,
        )
    else:
        model.optimizer.finalize_variable_values(model.trainable_variables)  # As `model.fit` does at its end.
    return model


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
    """Sets a new network's weights to those of a trained one; where that has another scale, less the upsampler.

    Raises:
        ValueError: If the two differ elsewhere.
    """
    is_file = str(start_from).endswith(".keras")
    source = keras.models.load_model(start_from, compile=False) if is_file else from_preset(start_from)
    trained = {weight.path: weight for weight in source.weights}
    new = {weight.path: weight for weight in model.weights}
    for path in trained.keys() | new.keys():
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
        The step after which it was written, 0 where there is none.

    Raises:
        ValueError: If it is that of another network or precision.
    """
    found = checkpoints(folder)
    if not found:
        return 0
    step = max(found)
    model.optimizer.build(model.trainable_variables)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Keras only warns when it leaves an optimizer's state out.
            model.load_weights(found[step])
    except (ValueError, UserWarning) as error:
        raise ValueError(
            f"`output` must be a new folder, or that of a run of this network in this precision. "
            f"Received: output={str(folder.parent)!r} ({str(error).splitlines()[0]})"
        ) from error
    return step


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
