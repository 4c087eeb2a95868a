"""Upscales pictures on a Ray cluster: one task for each picture, in processes that keep the model."""

import os
import textwrap
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from keras_lisr.basics import preset_index
from keras_lisr.basics.preset_index import EXPORTED, choose_model, find_preset
from keras_lisr.batch.jobs import Job
from keras_lisr.batch.plan import Plan
from keras_lisr.batch.worker import FAILED, FOLDER, Task, Worker
from keras_lisr.exported.sidecar import files_of, follow, sidecar_path

CPUS_OF_A_TASK = 2  # More help one picture less than they would help another one.
MOST_TRIES = 3
PATIENCE = 300.0  # Seconds without a suitable node: as long as replacing a machine takes.
FAREWELL = 30.0  # Seconds for running tasks to end after an interruption.


@dataclass(frozen=True)
class Setup:
    """Everything that the tasks of a run share.

    Args:
        model: Content of the model's files by name, the model itself first: nodes need not see the files.
        plan: Options.
        threads: Threads of each task.
        environment: Variables to set before Keras starts.
    """

    model: Mapping[str, bytes]
    plan: Plan
    threads: int
    environment: Mapping[str, str]

    def make_worker(self) -> Worker:
        """Loads the model."""
        os.environ.update(self.environment)
        with TemporaryDirectory(prefix=FOLDER, ignore_cleanup_errors=True) as folder:
            for name, content in self.model.items():
                Path(folder, name).write_bytes(content)
            network = self.plan.load(str(Path(folder, next(iter(self.model)))), self.threads)
        return Worker(network, self.plan)


def read_model(name: str) -> dict[str, bytes]:
    """Reads the files of a model, an exported one with its sidecar: content by name, the model itself first."""
    name = choose_model(name, exported=True)
    if name.lower().endswith(EXPORTED):
        path = follow(Path(name))
        paths = [*files_of(path), sidecar_path(path)]
    elif name.lower().endswith((".keras", ".npz")):
        paths = [Path(name)]
    else:
        paths = [preset_index.FOLDER / find_preset(name).file]
    return {path.name: path.read_bytes() for path in paths}


@lru_cache(maxsize=1)
def worker_of(setup: Any) -> Worker:
    """Returns the one worker of this process, for a reference to a `Setup` in Ray's store."""
    import ray

    return ray.get(setup).make_worker()


def upscale_one(setup: Sequence[Any], job: Job) -> Task:
    """Does a job in a process of the cluster. `setup` is a reference in a list, so that Ray does not fetch it."""
    return worker_of(setup[0])(job)


def run_on_ray(
    jobs: Iterable[Job], model: str, plan: Plan, *, workers: int | None = None, patience: float = PATIENCE
) -> Generator[Task, None, None]:
    """Upscales pictures on the Ray cluster that this process is connected to.

    If a process or a whole node dies, Ray repeats the pictures that were not finished: none is lost, and no result is
    incomplete. A picture over which three processes died fails.

    If the iterator is closed or Ctrl-C interrupts it, no new picture begins, and those at work have half a minute to
    finish.

    Args:
        jobs: Pictures to upscale. All nodes must see the files under the same paths, or they are URLs.
        model: Name of a preset, or path of a `.keras`, `.npz` or exported file on this machine.
        plan: Options.
        workers: Number of pictures at a time; by default, one for each GPU, or one for every two processors.
        patience: Seconds to wait while there is no node.

    Yields:
        The outcome of each job, as it finishes.

    Raises:
        ValueError: If the model cannot be loaded.
        OSError: If a file of the model cannot be read, or the cluster has no node for too long.

    Example:
        with connect("auto"):
            for task in run_on_ray(find_jobs(["s3://bucket/photos"], "s3://bucket/large"), "imdn_x4", Plan()):
                print(task.job.target, task.status, task.error)
    """
    import ray

    needs = choose_needs(find_nodes(), workers, uses_gpus=not model.lower().endswith(EXPORTED))
    threads, gpus = needs["CPU"], needs.get("GPU", 0)
    upscale = ray.remote(upscale_one).options(num_cpus=threads, num_gpus=gpus, max_retries=MOST_TRIES - 1)
    setup = ray.put(Setup(read_model(model), plan, threads, make_environment(threads)))
    waiting = iter(jobs)
    at_work: dict[Any, Job] = {}
    try:
        while True:
            slots = count_slots(find_nodes(), needs)
            # Twice as many tasks as fit, so that Ray sees that more nodes would help.
            for job in islice(waiting, max(0, (workers or 2 * slots or 1) - len(at_work))):
                at_work[upscale.remote([setup], job)] = job
            if not at_work:
                return
            done, _ = ray.wait(list(at_work), timeout=patience)
            if not done and not slots:
                raise OSError(
                    f"The cluster must have a node with {threads} processors. Received: none for {patience:g} seconds"
                )
            for reference in done:
                yield take(reference, at_work.pop(reference))
    finally:
        # Not by `ray.cancel`: Ray 2.60 sometimes aborts this process then.
        if at_work:
            ray.wait(list(at_work), num_returns=len(at_work), timeout=FAREWELL)


def take(reference: Any, job: Job) -> Task:
    """Returns the outcome of a job, or raises the error of all jobs, as when the model does not load."""
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
    except ray.exceptions.RayError as error:
        why = textwrap.shorten(str(error), 300, placeholder=" ...")
        return Task(job, FAILED, error=f"{MOST_TRIES} processes died over it, the last one because: {why}")


def find_nodes() -> list[Mapping[str, float]]:
    """Returns the resources of each live node, "CPU" and perhaps "GPU" among them."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def choose_needs(nodes: Sequence[Mapping[str, float]], workers: int | None, *, uses_gpus: bool) -> dict[str, int]:
    """Chooses the resources of each task.

    Args:
        nodes: Resources of each node.
        workers: Number of tasks at a time, which share all processors.
        uses_gpus: Whether the model runs on GPUs.

    Example:

    >>> choose_needs([{"CPU": 8.0}, {"CPU": 2.0}], workers=2, uses_gpus=True)
    {'CPU': 4}
    >>> choose_needs([{"CPU": 16.0, "GPU": 2.0}], None, uses_gpus=True)
    {'CPU': 1, 'GPU': 1}
    """
    if uses_gpus and any(node.get("GPU") for node in nodes):
        return {"CPU": 1, "GPU": 1}
    most = max((int(node.get("CPU", 0)) for node in nodes), default=1)
    if workers is None:
        return {"CPU": max(1, min(CPUS_OF_A_TASK, most))}
    enough = (cpus for cpus in range(most, 1, -1) if count_slots(nodes, {"CPU": cpus}) >= workers)
    return {"CPU": next(enough, 1)}


def count_slots(nodes: Sequence[Mapping[str, float]], needs: Mapping[str, int]) -> int:
    """Returns the number of tasks that fit on the nodes at a time."""
    return sum(min(int(node.get(name, 0)) // need for name, need in needs.items()) for node in nodes)


def make_environment(threads: int) -> dict[str, str]:
    """Returns the variables that limit libraries to some threads and make their results those of this process."""
    limited = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "VIPS_CONCURRENCY")
    same = ("KERAS_BACKEND", "TF_ENABLE_ONEDNN_OPTS")
    return (
        {"TF_ENABLE_ONEDNN_OPTS": "1"}
        | {name: os.environ[name] for name in same if name in os.environ}
        | dict.fromkeys(limited, str(threads))
    )
