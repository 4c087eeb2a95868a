"""Training of a recipe on images, and exact resume."""

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
from keras_lisr.inference.precision import fast_bfloat16, gpu_capability
from keras_lisr.training.callbacks import AveragedModel, TimeLimit, fill_with_averages
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
    """Trains a network with `model.fit`, or resumes an interrupted run.

    A run is a folder: `checkpoints/` (weights and optimizer, after every epoch), `averaged.keras` (the network with the
    moving average of the weights), `best.keras` (the average that validated best), `log.csv`, `run.json` (recipe,
    versions and data of every start) and, where TensorFlow is installed, `tensorboard/`. Calling again with the same
    folder resumes after the last finished epoch, with the patches, learning rate and averages that the uninterrupted
    run would have had. A changed recipe applies from there on, as long as it builds the same network.

    A step that makes something non-finite ends the run; the same call resumes from the checkpoint before it.

    Args:
        recipe: What to train and how.
        images: Training images: a folder, as for `read_pairs`, decoded into `output`; or images in memory, as for
            `pair_images`: a list, a `tf.data.Dataset` and so on of uint8 images, or of pairs.
        output: Folder of the run; created if absent.
        validation: Validation images, of the same kinds. The PSNR of the whole images (luma, shave = scale) is measured
            after every epoch, in tiles where they are large; on degraded images if the recipe degrades.
        precision: "float32", "mixed_bfloat16", "mixed_float16" with loss scaling, or "auto": bfloat16 where the
            processor or GPU computes it fast.
        seed: Seed of the weights and of the patches.
        steps_per_epoch: Steps between two validations and checkpoints; an epoch for `fit`, not a pass over the data.
            The recipe's steps are rounded up to whole epochs.
        start_from: Preset or `.keras` file whose weights a new run starts from: the same network, for any scale, with
            or without the recipe's strategies; see `keras_lisr.zoo.transplant`.
        teacher: Preset, `.keras` file or model whose output for the low resolution replaces the originals, as far as
            the recipe's `label_share` says; computed in memory unless `keras_lisr.training.teacher.label_pairs` has
            added labels to the pairs.
        self_ensemble: Whether the teacher averages over the eight flips and quarter turns.
        hours: Wall time after which the run stops at the end of an epoch, to be resumed later.
        distribute: Whether to use all devices of this host, see `keras_lisr.training.distribution`. Several hosts are
            used whenever the environment variables of `keras.distribution.initialize` name them.
        callbacks: Keras callbacks, or one; their logs include `val_psnr`.

    Returns:
        The network with the averaged weights of the last epoch, not compiled.

    Raises:
        ValueError: If there are no validation images, `precision` is unknown or float16 on several devices of
            TensorFlow, `output` holds the run of another network, `start_from` is another network, `teacher` has
            another scale, the batch cannot be divided among the devices, or as `read_pairs`, `pair_images` and
            `PatchSampler`.
        FloatingPointError: If the loss, the weights or the optimizer are no longer finite.
        OSError: If the folder cannot be written to.
        ConnectionError: If another process of the run has died.

    An error before the first checkpoint removes the folder if this call created it.
    """
    keras.utils.set_random_seed(seed)
    if precision == "auto":
        precision = "mixed_bfloat16" if fast_bfloat16() else "float32"
    run = Run(recipe, Path(output), precision, find_group(distribute))
    run.check_devices()
    with remove_folder_on_error(run.output):
        model, first_step = run.start(start_from)
        network = run.build()
        network.jit_compile = model.jit_compile
        if first_step >= recipe.steps:
            logging.getLogger(__name__).warning("%s has made its %d steps; ask for more to go on", output, first_step)
        else:
            training, validation = run.read(images, validation)
            if teacher is not None and training.labels is None:
                training = label_pairs(training, teacher, recipe.scale, self_ensemble=self_ensemble)
            steps = Steps(first_step, min(steps_per_epoch, recipe.steps))
            all_callbacks = [TerminateOnNonFinite(run.checkpoints, steps)]
            others = [] if callbacks is None else keras.tree.flatten(callbacks)
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
                all_callbacks += run.writers(network, validation, steps, others)
            else:
                all_callbacks += others
            if hours is not None:
                all_callbacks.append(TimeLimit(hours * 3600, run.group))
            run.train(model, recipe.sampler(training, seed), steps, all_callbacks)
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
        """Raises a ValueError if the recipe cannot be trained on these devices."""
        if self.recipe.batch_size % self.group.devices:
            raise ValueError(
                f"`batch_size` must be a multiple of the number of devices. "
                f"Received: batch_size={self.recipe.batch_size}, devices={self.group.devices}"
            )
        is_tensorflow = keras.backend.backend() == "tensorflow"
        if self.precision == "mixed_float16" and self.group.devices > 1 and is_tensorflow:
            # Keras would look for overflowing gradients on the first device alone.
            raise ValueError(
                "`precision` must not be 'mixed_float16' on several devices under TensorFlow. "
                f"Received: precision={self.precision!r}, devices={self.group.devices}"
            )

    def start(self, start_from: str | Path | None) -> tuple[keras.Model, int]:
        """Returns the compiled model, as its last checkpoint left it, and the number of steps it has made."""
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        newest = max(checkpoints(self.checkpoints), default=0)
        # Checked before anything is loaded, because JAX's processes would wait for each other there.
        if newest != self.group.ask_first(newest):
            raise ValueError(
                "`output` must be one folder that all processes see. "
                f"Received: output={str(self.output)!r} at step {newest}"
            )
        with self.group.scope():
            model = self.compile(None if newest else start_from)
            synchronize_batch_normalization(model, self.group)
            return model, resume(model, self.checkpoints) if newest else 0

    def compile(self, start_from: str | Path | None) -> keras.Model:
        """Returns the compiled network before its first step."""
        model = self.build()
        if start_from is not None:
            warm_start(model, start_from)
        jit_compile: bool | str = "auto"
        if keras.backend.backend() == "tensorflow" and gpu_capability() is None:
            jit_compile = False  # On processors XLA is slower than oneDNN, several times so for depthwise convolutions.
            speed_up_kernel_gradients(model)
        optimizer = self.recipe.make_optimizer()
        if self.precision == "mixed_float16":  # Keras would wrap it too, but not when it loads the model.
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        model.compile(optimizer, self.recipe.loss, jit_compile=jit_compile)
        model.optimizer.build(model.trainable_variables)
        return model

    def build(self) -> keras.Model:
        """Builds the recipe's network in the precision of the run."""
        with layers_in(self.precision):
            return self.recipe.build()

    def read(self, images: Any, validation: Any) -> tuple[ImagePairs, ImagePairs]:
        """Reads the pairs to train on and to validate on."""
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
        fingerprint = int(training.fingerprint()[:7], 16)
        if fingerprint != self.group.ask_first(fingerprint):
            raise ValueError(
                f"`images` must be the same in all processes. Received: {len(training)} images, other than the first's"
            )
        return training, validation

    def writers(
        self,
        network: keras.Model,
        validation: ImagePairs,
        steps: Steps,
        others: Sequence[keras.callbacks.Callback],
    ) -> list[keras.callbacks.Callback]:
        """Returns the callbacks that validate and write, in order, with the user's own between them."""
        log = self.output / "log.csv"
        best_psnr = truncate_log(log, steps.first)
        callbacks = [
            AveragedModel(network, validation, self.recipe.scale, steps, self.output, best_psnr=best_psnr),
            *others,
            keras.callbacks.CSVLogger(str(log), append=steps.first > 0),
        ]
        if importlib.util.find_spec("tensorflow"):
            callbacks.append(keras.callbacks.TensorBoard(str(self.output / "tensorboard"), write_graph=False))
        return [*callbacks, Checkpoint(self.checkpoints, steps)]  # Last: an epoch with a checkpoint is complete.

    def train(
        self, model: keras.Model, sampler: PatchSampler, steps: Steps, callbacks: list[keras.callbacks.Callback]
    ) -> None:
        """Runs `model.fit` for the remaining steps."""
        group = self.group
        if keras.backend.backend() == "tensorflow":
            from keras_lisr.data.pipeline import patch_dataset

            batches = patch_dataset(sampler, steps.first)
        else:
            part = group.process, group.processes
            batches = PatchSequence(sampler, steps.per_epoch, steps.first, part=part)

            def start_epoch(epoch, logs):
                batches.first_step = steps.until(epoch)

            callbacks.append(keras.callbacks.LambdaCallback(on_epoch_begin=start_epoch))
        shown = 1 if sys.stderr.isatty() else 2
        try:
            with group.scope(), redirect_stdout(sys.stderr):  # Keras prints its progress, which is no result.
                model.fit(
                    batches,
                    shuffle=False,  # The sampler decides the order.
                    steps_per_epoch=steps.per_epoch,
                    initial_epoch=steps.first_epoch,
                    epochs=steps.first_epoch + math.ceil((self.recipe.steps - steps.first) / steps.per_epoch),
                    callbacks=callbacks,
                    verbose=0 if group.process else shown,
                )
        except (RuntimeError, ValueError) as error:  # JAX raises either when a connection is lost.
            if group.processes == 1:
                raise
            raise group.explain_loss(error) from error
        finally:
            for callback in callbacks:
                if isinstance(callback, keras.callbacks.CSVLogger):
                    callback.on_train_end()  # Keras leaves its file open after an error.


@contextmanager
def remove_folder_on_error(output: Path) -> Iterator[None]:
    """Removes the folder of a run that fails before its first checkpoint, unless it existed before."""
    is_new = not output.exists()
    try:
        yield
    except Exception:
        if is_new and not checkpoints(output / "checkpoints"):
            shutil.rmtree(output, ignore_errors=True)
        raise


def warm_start(model: keras.Model, start_from: str | Path) -> None:
    """Transplants a trained network into a new one, or raises a ValueError if it is another network."""
    trained = load_model(start_from)
    difference = find_difference(trained, model)
    if difference is not None:
        raise ValueError(
            f"`start_from` must be a network of this kind, of any scale, with no strategies that this one lacks. "
            f"Received: start_from={str(start_from)!r}, in which {difference}"
        )
    transplant(trained, model)


def truncate_log(log: Path, first_step: int) -> float:
    """Removes the rows after a step, which will be run again, from a `CSVLogger`'s file.

    Returns:
        The highest validation PSNR of the remaining rows, -inf if there are none.
    """
    if first_step == 0 or not log.exists():
        return -math.inf
    with log.open(newline="") as file:
        rows = csv.DictReader(file)
        complete = [row for row in rows if None not in row.values()]  # A killed run may leave half a row.
    kept = [row for row in complete if int(row["step"]) <= first_step]
    with write_whole(log) as partial, partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows.fieldnames or ())
        writer.writeheader()
        writer.writerows(kept)
    return max((float(row["val_psnr"]) for row in kept), default=-math.inf)
