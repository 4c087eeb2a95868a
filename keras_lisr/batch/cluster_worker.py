"""What runs in each process of a cluster: one worker, which loads the model once and then gets pictures."""

import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Generator
from pathlib import Path

from keras_lisr.batch.jobs import Job
from keras_lisr.batch.plan import Plan
from keras_lisr.batch.run import run_jobs
from keras_lisr.batch.shipped_model import ShippedModel
from keras_lisr.batch.stored_worker import StoredWorker
from keras_lisr.batch.worker import Task


class ClusterWorker:
    """A worker that is called from afar: `load`, then `begin` and `next` until that returns None, again and again."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._tasks: Generator[Task, None, None] | None = None
        self._folder: Path | None = None

    def load(self, model: ShippedModel, plan: Plan, threads: int, run: str, environment: dict[str, str]) -> str:
        """Loads the model; the process must not have started Keras yet.

        Args:
            model: What to upscale with.
            plan: How.
            threads: How many to compute with.
            run: As for `StoredWorker`.
            environment: Variables to set before Keras starts.

        Returns:
            What is wrong, or nothing.
        """
        try:
            os.environ.update(environment | bounded(threads))
            self._folder = make_folder(run)
            if self._stopped.is_set():  # `close` came before there was a folder to remove.
                raise InterruptedError("the work was ended")
            network = plan.load(model.unpack(self._folder), threads)
            self._worker: StoredWorker = plan.stored_worker(network, self._folder, run)
        except Exception as error:  # Whatever Keras, TensorFlow and LiteRT raise.
            self.close()
            name = "" if isinstance(error, ValueError | OSError) else f"{type(error).__name__}: "
            return " ".join(f"{name}{error}".split())
        return ""

    def begin(self, jobs: list[Job], redoing: bool) -> Task | None:
        """Begins with some pictures.

        Args:
            jobs: What is to be done.
            redoing: Whether a worker died over them before.

        Returns:
            As `next`.
        """
        self._worker.redoing = redoing
        self._tasks = run_jobs(jobs, self._worker, self._heed_stop)
        return self.next()

    def next(self) -> Task | None:
        """What became of the next one of the pictures; None if all were told or it was stopped."""
        assert self._tasks is not None
        try:
            return next(self._tasks, None)
        except KeyboardInterrupt:
            return None

    def stop(self) -> None:
        """Ends the work from another thread: what is upscaled is dropped at its next tile, what is written is told."""
        self._stopped.set()

    def close(self) -> None:
        """Ends the work, and removes the worker's folder and those of workers that were killed."""
        self.stop()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
        remove_abandoned_folders()

    def _heed_stop(self, job: Job, done: int, total: int) -> None:
        if self._stopped.is_set():
            raise KeyboardInterrupt


def bounded(threads: int) -> dict[str, str]:
    """The environment that keeps libraries to some threads."""
    names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "VIPS_CONCURRENCY")
    return dict.fromkeys(names, str(threads))


def environment_here() -> dict[str, str]:
    """What of this process's environment decides what comes out, so that workers must have it, too."""
    names = ("KERAS_BACKEND", "TF_ENABLE_ONEDNN_OPTS")
    return {"TF_ENABLE_ONEDNN_OPTS": "1"} | {name: os.environ[name] for name in names if name in os.environ}


def make_folder(run: str) -> Path:
    """A folder for this process, which works for a run."""
    remove_abandoned_folders()
    return Path(tempfile.mkdtemp(prefix=f"{folder_start()}{os.getpid()}-{run}-"))


def folder_start() -> str:
    """What the names of the folders begin with that belong to processes of this machine."""
    return f"keras-lisr-{socket.gethostname()}-"


def remove_abandoned_folders() -> None:
    """Removes the folders of processes of this machine that were killed."""
    if os.name != "posix":  # Elsewhere, asking whether a process is there would end it.
        return
    for folder in Path(tempfile.gettempdir()).glob(f"{folder_start()}*"):
        number = folder.name.removeprefix(folder_start()).partition("-")[0]
        if number.isdecimal() and not is_running(int(number)):
            shutil.rmtree(folder, ignore_errors=True)


def remove_folders_of(run: str, patience: float = 5.0) -> None:
    """Removes what workers of a run left on this machine; they were told to end, but processes need a moment to die."""
    end = time.monotonic() + patience
    while True:
        remove_abandoned_folders()
        left = any(Path(tempfile.gettempdir()).glob(f"{folder_start()}*-{run}-*"))
        if not left or time.monotonic() > end:
            return
        time.sleep(0.05)


def is_running(process: int) -> bool:
    """Whether there is a process of that number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # It is another user's.
        return True
    return True
