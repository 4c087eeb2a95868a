"""One run on several devices: those of a host on TensorFlow, those of one or several hosts on JAX.

Every device has the whole network and a part of each batch; gradients, and the statistics of batch normalization, are
those of the whole batch. So the loss is that of a run on one device, but for the order of additions.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple

import keras
import numpy as np

SEVERAL_HOSTS = "KERAS_DISTRIBUTION_NUM_PROCESSES"  # Read by `keras.distribution.initialize`.


class Group(NamedTuple):
    """The processes and devices of a run.

    Args:
        process: Number of this process, from 0; the first one validates and writes.
        processes: How many there are.
        devices: Devices of all processes together.
        spread: What Keras calls a distribution and TensorFlow a strategy, None on one device.
    """

    process: int = 0
    processes: int = 1
    devices: int = 1
    spread: Any = None

    def scope(self) -> AbstractContextManager:
        """Where the model in training is built and trained."""
        return nullcontext() if self.spread is None else self.spread.scope()

    def ask_first(self, number: int) -> int:
        """What the first process has in the place of this number; every process has to ask."""
        if self.processes == 1:
            return number
        from jax.experimental import multihost_utils

        try:
            with use_first_device():
                return int(multihost_utils.broadcast_one_to_all(np.int32(number)))
        except RuntimeError as error:
            raise self.explain_loss(error) from error

    def explain_loss(self, error: Exception) -> ConnectionError:
        """What JAX's error means when a connection to another process is gone."""
        return ConnectionError(
            f"process {self.process} of {self.processes} could not go on; most likely another one has died. Start "
            f"all of them again to go on from the last checkpoint ({' '.join(str(error).split())})"
        )

    def require_same(self, number: int, problem: str) -> None:
        """Raises a ValueError that tells the problem where the first process has another number."""
        if number != self.ask_first(number):
            raise ValueError(problem)


def find_group(wanted: bool) -> Group:
    """The devices that a run is to be spread over. On several hosts this waits until all processes are there.

    Args:
        wanted: Whether to use all devices of this host; several hosts are used whenever the environment names them.

    Raises:
        ValueError: If the backend cannot.
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
        # Each process cuts its own part out of the batch; see `PatchSequence`.
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
    """Computes on this process's first device for a while, whatever JAX's run is spread over."""
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
    """Has TensorFlow's batch normalization take its statistics over all devices, as JAX's does by itself."""
    if group.devices == 1 or keras.backend.backend() != "tensorflow":
        return
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True
