"""A recipe and images in, a trained network out."""

import csv
import dataclasses
import importlib.util
import logging
import math
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from os import PathLike
from pathlib import Path
from typing import Any

import keras

from keras_lisr.basics.whole_files import PARTIAL, write_whole
from keras_lisr.data.degradation import degrade_pairs
from keras_lisr.data.image_pairs import ImagePairs, pair_images
from keras_lisr.data.patch_sequence import PatchSequence
from keras_lisr.data.patches import PatchSampler
from keras_lisr.graph.cast import layers_in
from keras_lisr.inference.precision import fast_bfloat16
from keras_lisr.training.callbacks import AveragedModel, EpochStart, TimeLimit, fill_with_averages
from keras_lisr.training.checkpoints import Checkpoint, Steps, TerminateOnNonFinite, checkpoints, resume
from keras_lisr.training.distribution import Group, find_group, synchronize_batch_normalization
from keras_lisr.training.kernel_gradient import speed_up_kernel_gradients
from keras_lisr.training.recipe import Recipe
from keras_lisr.training.run_record import record_start
from keras_lisr.training.sources import VALIDATED_SIDE, read_folder
from keras_lisr.training.teacher import label_pairs
from keras_lisr.zoo import load_model, transplant
from keras_lisr.zoo.transplant import find_difference


def fit(
    recipe: Recipe,
    images: Any,
    output: str | PathLike,
    *,
    validation: Any,
    precision: str = "auto",
    seed: int = 0,
    steps_per_epoch: int = 1000,
    start_from: str | Path | None = None,
    teacher: keras.Model | str | Path | None = None,
    self_ensemble: bool = False,
    hours: float | None = None,
    distribute: bool = False,
    callbacks: Sequence[keras.callbacks.Callback] | keras.callbacks.Callback | None = None,
) -> keras.Model:
    """Trains a network with `model.fit`, or goes on with a run that was interrupted.

    A run is a folder: `checkpoints/` (weights and optimizer, after every epoch), `averaged.keras` (the network with the
    moving average of the weights), `best.keras` (the average that validated best), `log.csv`, `run.json` (recipe,
    versions and data of every start) and, where TensorFlow is installed, `tensorboard/`. Calling again with the same
    folder goes on after the last finished epoch, with the patches, learning rate and averages that the uninterrupted
    run would have had. A recipe that has changed since is followed from there on; only its network has to be that of
    the checkpoint.

    A step after which something is not finite ends the run; it goes on from the checkpoint before that.

    Args:
        recipe: What to train and how.
        images: What to train on: a folder, as for `read_pairs`, decoded into `output`; or images in memory, as for
            `pair_images`: a list, a `tf.data.Dataset` and so on of uint8 images, or of pairs.
        output: Folder of the run; made where absent.
        validation: The same, kept out of training; the PSNR of the whole images (luma, shave = scale) is measured
            after every epoch, in tiles where they are large; degraded, if the recipe degrades.
        precision: "float32", "mixed_bfloat16", "mixed_float16" with loss scaling, or "auto": bfloat16 where the
            processor or GPU computes it fast.
        seed: Seed of the weights and of the patches.
        steps_per_epoch: Steps between two validations and checkpoints; an epoch for `fit`, not a pass over the data.
            The recipe's steps are rounded up to whole epochs.
        start_from: Preset, or `.keras` file, whose weights a new run starts from; of the same network, for any scale,
            with the recipe's strategies or without them, see `keras_lisr.zoo.transplant`.
        teacher: Preset, `.keras` file or model whose output for the low resolution takes the place of the originals, as
            far as the recipe's `label_share` says; made in memory unless `keras_lisr.training.teacher.label_pairs` has
            added labels to the pairs.
        self_ensemble: Whether the teacher averages over the eight flips and quarter turns.
        hours: Wall time after which the run stops at the end of an epoch, to be gone on with later.
        distribute: Use all devices of this host, see `keras_lisr.training.distribution`. Several hosts are used
            whenever the environment variables of `keras.distribution.initialize` name them.
        callbacks: Keras callbacks, or one, which see `val_psnr`, too.

    Returns:
        The network with the averaged weights of the last epoch, not compiled.

    Raises:
        ValueError: If there are no validation images, `precision` is none of these or float16 on several devices of
            TensorFlow, `output` holds the run of another network, `start_from` is another network, `teacher` is one of
            another scale, the batch cannot be divided among the devices, `callbacks` are none, or as `read_pairs`,
            `pair_images` and `PatchSampler` say.
        FloatingPointError: If the loss, the weights or the optimizer are no longer finite.
        OSError: If the folder cannot be written to.
        ConnectionError: If another process of the run has died.

    A folder that was not there before is not left behind by an error before the first checkpoint.
    """
    others = [] if callbacks is None else keras.tree.flatten(callbacks)
    if not all(isinstance(callback, keras.callbacks.Callback) for callback in others):
        raise ValueError(f"`callbacks` must be Keras callbacks, a list of them. Received: callbacks={callbacks!r}")
    keras.utils.set_random_seed(seed)
    if precision == "auto":
        precision = "mixed_bfloat16" if fast_bfloat16() else "float32"
    run = Run(recipe, Path(output), precision, find_group(distribute))
    run.check_devices()
    with nothing_left_by_errors(run.output):
        model, first_step = run.start(start_from)
        network = run.build()
        network.jit_compile = model.jit_compile
        if first_step >= recipe.steps:
            logging.getLogger(__name__).warning("%s has made its %d steps; more must be asked for", output, first_step)
        else:
            training, validation = run.read(images, validation)
            if teacher is not None and training.labels is None:
                training = label_pairs(training, teacher, recipe.scale, self_ensemble=self_ensemble)
            steps = Steps(first_step, min(steps_per_epoch, recipe.steps))
            every = [TerminateOnNonFinite(run.checkpoints, steps)]
            if run.group.process == 0:
                for leftover in run.output.rglob(PARTIAL):
                    leftover.unlink()  # Of a run that was killed while it wrote.
                record_start(
                    run.output / "run.json",
                    recipe,
                    {"training": training, "validation": validation},
                    first_step=first_step,
                    steps_per_epoch=steps_per_epoch,
                    seed=seed,
                    precision=precision,
                    start_from=None if start_from is None else str(start_from),
                    teacher=training.teacher,
                    devices=run.group.devices,
                )
                every += run.writers(network, validation, steps, others)
            else:
                every += others
            if hours is not None:
                every.append(TimeLimit(hours * 3600, run.group))
            run.train(model, recipe.sampler(training, seed), steps, every)
    fill_with_averages(network, model)
    return network


@dataclasses.dataclass(frozen=True)
class Run:
    """One training of one recipe, from its first step to its last, however often it is interrupted."""

    recipe: Recipe
    output: Path
    precision: str
    group: Group

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.output / "checkpoints"

    def check_devices(self) -> None:
        """Raises a ValueError where the recipe cannot be trained on so many devices."""
        if self.recipe.batch_size % self.group.devices:
            raise ValueError(
                f"`batch_size` must be a multiple of the number of devices. "
                f"Received: batch_size={self.recipe.batch_size}, devices={self.group.devices}"
            )
        is_tensorflow = keras.backend.backend() == "tensorflow"
        if self.precision == "mixed_float16" and self.group.devices > 1 and is_tensorflow:
            raise ValueError(
                f"`precision` must not be 'mixed_float16' on several devices under TensorFlow, where Keras looks for "
                f"gradients that overflow on the first alone. "
                f"Received: precision={self.precision!r}, devices={self.group.devices}"
            )

    def start(self, start_from: str | Path | None) -> tuple[keras.Model, int]:
        """The compiled model as its last checkpoint left it, or before its first step, and the steps it has made."""
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        newest = max(checkpoints(self.checkpoints), default=0)
        # Before anything is loaded, for which JAX's processes would wait for each other.
        self.group.require_same(
            newest,
            f"`output` must be one folder that all processes see. "
            f"Received: output={str(self.output)!r} at step {newest}",
        )
        with self.group.scope():
            model = self.compile(None if newest else start_from)
            synchronize_batch_normalization(model, self.group)
            return model, resume(model, self.checkpoints) if newest else 0

    def compile(self, start_from: str | Path | None) -> keras.Model:
        """The compiled network before its first step."""
        model = self.build()
        if start_from is not None:
            warm_start(model, start_from)
        jit_compile: bool | str = "auto"
        if keras.backend.backend() == "tensorflow" and not has_gpu():
            jit_compile = False  # On processors XLA is slower than oneDNN, several times so for depthwise convolutions.
            speed_up_kernel_gradients(model)
        optimizer = self.recipe.make_optimizer()
        if self.precision == "mixed_float16":  # Keras would do so by itself, but not when it loads the model.
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        model.compile(optimizer, self.recipe.loss, jit_compile=jit_compile)
        model.optimizer.build(model.trainable_variables)
        return model

    def build(self) -> keras.Model:
        """The recipe's network in the precision of the run."""
        with layers_in(self.precision):
            return self.recipe.build()

    def read(self, images: Any, validation: Any) -> tuple[ImagePairs, ImagePairs]:
        """The pairs to train on and to validate on, from folders or from what is in memory."""
        cache, scale = self.output / "cache", self.recipe.scale
        if isinstance(images, str | PathLike):
            images = read_folder(Path(images), cache, scale, smallest_side=self.recipe.patch_size)
        if isinstance(validation, str | PathLike):
            side = VALIDATED_SIDE * scale
            validation = read_folder(Path(validation), cache, scale, smallest_side=side, part="valid")
        training, validation = pair_images(images, scale), pair_images(validation, scale)
        if not len(validation):
            raise ValueError("`validation` must hold at least one image. Received none.")
        if self.recipe.degradation is not None:
            validation = degrade_pairs(validation, self.recipe.degradation, scale)
        self.group.require_same(
            int(training.fingerprint()[:7], 16),
            f"`images` must be those of the first process. Received: {len(training)} images, not the same",
        )
        return training, validation

    def writers(
        self,
        network: keras.Model,
        validation: ImagePairs,
        steps: Steps,
        others: Sequence[keras.callbacks.Callback],
    ) -> list[keras.callbacks.Callback]:
        """What validates and writes, and between the two what others see of that."""
        log = self.output / "log.csv"
        best_psnr = cut_log(log, steps.first)
        callbacks = [
            AveragedModel(network, validation, self.recipe.scale, steps, self.output, best_psnr=best_psnr),
            *others,
            keras.callbacks.CSVLogger(str(log), append=steps.first > 0),
        ]
        if importlib.util.find_spec("tensorflow"):  # It writes for TensorBoard.
            callbacks.append(keras.callbacks.TensorBoard(str(self.output / "tensorboard"), write_graph=False))
        # After all that writes: an epoch with a checkpoint lacks nothing else.
        return [*callbacks, Checkpoint(self.checkpoints, steps)]

    def train(
        self, model: keras.Model, sampler: PatchSampler, steps: Steps, callbacks: list[keras.callbacks.Callback]
    ) -> None:
        """Makes the steps that are left."""
        group = self.group
        batches = training_batches(sampler, steps, group)
        if isinstance(batches, PatchSequence):
            callbacks.append(EpochStart(batches, steps))
        shown = 1 if sys.stderr.isatty() else 2
        try:
            with group.scope(), redirect_stdout(sys.stderr):  # Where Keras shows progress, which is no result.
                model.fit(
                    batches,
                    shuffle=False,  # The sampler's order is the run's.
                    steps_per_epoch=steps.per_epoch,
                    initial_epoch=steps.first_epoch,
                    epochs=steps.first_epoch + math.ceil((self.recipe.steps - steps.first) / steps.per_epoch),
                    callbacks=callbacks,
                    verbose=0 if group.process else shown,
                )
        except (RuntimeError, ValueError) as error:
            # What JAX makes of a connection that is gone depends on the moment.
            if group.processes == 1:
                raise
            raise group.explain_loss(error) from error
        finally:
            for callback in callbacks:
                if isinstance(callback, keras.callbacks.CSVLogger):
                    callback.on_train_end()  # An error leaves its file open.


@contextmanager
def nothing_left_by_errors(output: Path) -> Iterator[None]:
    """Removes the folder of a run that an error ends before its first checkpoint, unless it was there before."""
    is_new = not output.exists()
    try:
        yield
    except Exception:
        if is_new and not checkpoints(output / "checkpoints"):
            shutil.rmtree(output, ignore_errors=True)
        raise


def warm_start(model: keras.Model, start_from: str | Path) -> None:
    """Transplants a trained network into a new one.

    Raises:
        ValueError: If it is another network.
    """
    trained = load_model(start_from)
    difference = find_difference(trained, model)
    if difference is not None:
        raise ValueError(
            f"`start_from` must be a network of this kind, of any scale, and with no more than its strategies. "
            f"Received: start_from={str(start_from)!r}, in which {difference}"
        )
    transplant(trained, model)


def cut_log(log: Path, first_step: int) -> float:
    """Takes what comes after a step off a `CSVLogger`'s file: it will be run again.

    Returns:
        The highest validation PSNR in what is left, -inf where there is none.
    """
    if first_step == 0 or not log.exists():
        return -math.inf
    with log.open(newline="") as file:
        rows = csv.DictReader(file)
        whole = [row for row in rows if None not in row.values()]  # The last may be torn.
    kept = [row for row in whole if int(row["step"]) <= first_step]
    with write_whole(log) as partial, partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows.fieldnames or ())
        writer.writeheader()
        writer.writerows(kept)
    return max((float(row["val_psnr"]) for row in kept), default=-math.inf)


def has_gpu() -> bool:
    """Whether TensorFlow sees a GPU."""
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def training_batches(sampler: PatchSampler, steps: Steps, group: Group):
    """The sampler's batches in the form that suits the backend: tf.data for TensorFlow, a PyDataset for the others."""
    if keras.backend.backend() == "tensorflow":
        from keras_lisr.data.pipeline import patch_dataset

        return patch_dataset(sampler, steps.first)
    return PatchSequence(sampler, steps.per_epoch, steps.first, part=(group.process, group.processes))
