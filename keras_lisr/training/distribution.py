"""One run on several devices: of one host on TensorFlow, of one or several hosts on JAX.

Every device holds the whole network and takes a part of each batch. Gradients and batch-normalization statistics cover
the whole batch, so that the loss equals that of a run on one device up to the order of additions.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple

import keras
import numpy as np

SEVERAL_HOSTS = "KERAS_DISTRIBUTION_NUM_PROCESSES"  # Read by `keras.distribution.initialize`.


class Group(NamedTuple):
    """Processes and devices of a run.

    Args:
        process: Index of this process; the first one validates and writes.
        processes: Number of processes.
        devices: Number of devices of all processes together.
        spread: Distribution of Keras or strategy of TensorFlow; None on one device.
    """

    process: int = 0
    processes: int = 1
    devices: int = 1
    spread: Any = None

    def scope(self) -> AbstractContextManager:
        """Returns the scope in which the model is built and trained."""
        return nullcontext() if self.spread is None else self.spread.scope()

    def ask_first(self, number: int) -> int:
        """Returns the first process's number; every process has to call this."""
        if self.processes == 1:
            return number
        from jax.experimental import multihost_utils

        try:
            with use_first_device():
                return int(multihost_utils.broadcast_one_to_all(np.int32(number)))
        except RuntimeError as error:
            raise self.explain_loss(error) from error

    def explain_loss(self, error: Exception) -> ConnectionError:
        """Returns a readable error for what JAX raises when another process has died."""
        return ConnectionError(
            f"process {self.process} of {self.processes} lost the others, most likely because one died. Start all of "
            f"them again to resume from the last checkpoint ({' '.join(str(error).split())})"
        )


def find_group(wanted: bool) -> Group:
    """Finds the devices for a run. On several hosts this waits for all processes.

    Args:
        wanted: Whether to use all devices of this host; several hosts are used whenever the environment names them.

    Raises:
        ValueError: If the backend does not support it.
    """
    backend = keras.backend.backend()
    several_hosts = SEVERAL_HOSTS in os.environ
    if not wanted and not several_hosts:
        return Group()
    if backend == "jax":
        import jax

        if several_hosts and not jax.distributed.is_initialized():
            jax.config.update("jax_enable_preemption_service", False)  # It would swallow SIGTERM.
            keras.distribution.initialize()
        # `PatchSequence` gives each process its part of the batch.
        spread = keras.distribution.DataParallel(auto_shard_dataset=False)
        return Group(jax.process_index(), jax.process_count(), jax.device_count(), spread)
    if backend == "tensorflow" and not several_hosts:
        import tensorflow as tf

        # A test may have made several devices of the processor.
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        strategy = tf.distribute.MirroredStrategy([device.name for device in devices])
        return Group(devices=len(devices), spread=strategy)
    raise ValueError(
        f"Several devices need the TensorFlow or JAX backend, several hosts ({SEVERAL_HOSTS}) that of JAX. "
        f"Received: KERAS_BACKEND={backend}"
    )


@contextmanager
def use_first_device() -> Iterator[None]:
    """Computes on this process's first device, outside JAX's distribution."""
    if keras.backend.backend() != "jax":
        yield
        return
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)


def synchronize_batch_normalization(model: keras.Model, group: Group) -> None:
    """Makes TensorFlow compute batch statistics over all devices, as JAX does by itself."""
    if group.devices == 1 or keras.backend.backend() != "tensorflow":
        return
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True
