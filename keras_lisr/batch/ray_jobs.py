"""Many pictures on many machines: tasks of Ray, one picture each, in processes that keep the model."""

import os
import textwrap
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from keras_lisr.basics.preset_index import EXPORTED
from keras_lisr.batch.jobs import Job
from keras_lisr.batch.plan import Plan
from keras_lisr.batch.shipped_model import ShippedModel
from keras_lisr.batch.worker import FAILED, FOLDER, Task, Worker

CPUS_OF_A_TASK = 2  # More help one picture less than they help another one.
MOST_TRIES = 3
PATIENCE = 300.0  # Seconds without any node that could do a task: as long as machines take that replace others.
FAREWELL = 30.0  # Seconds for tasks to end when nothing more is to be done.


@dataclass(frozen=True)
class Setup:
    """What all tasks of a run have in common.

    Args:
        model: What to upscale with.
        plan: How.
        threads: How many to compute with.
        environment: Variables to set before Keras starts.
    """

    model: ShippedModel
    plan: Plan
    threads: int
    environment: Mapping[str, str]

    def make_worker(self) -> Worker:
        """Loads the model.

        Raises:
            ValueError: If it cannot be loaded.
            OSError: If it cannot be unpacked.
        """
        os.environ.update(self.environment)
        with TemporaryDirectory(prefix=FOLDER, ignore_cleanup_errors=True) as folder:
            network = self.plan.load(self.model.unpack(Path(folder)), self.threads)
        # A result that is there, in a run that replaces none, was finished when its worker was killed.
        return self.plan.worker(network, skip_existing=not self.plan.replaces)


@lru_cache(maxsize=1)
def worker_of(setup: Any) -> Worker:
    """The one worker of this process, for a setup in Ray's store."""
    import ray

    return ray.get(setup).make_worker()


def upscale_one(setup: Sequence[Any], job: Job) -> Task:
    """Does a job in a process of a cluster.

    Args:
        setup: The reference of one; in a list, Ray does not fetch it each time.
        job: What is to be done.
    """
    return worker_of(setup[0])(job)


def run_on_ray(
    jobs: Iterable[Job], model: ShippedModel, plan: Plan, *, workers: int | None = None, patience: float = PATIENCE
) -> Generator[Task, None, None]:
    """Upscales pictures on the Ray cluster that this process is connected to.

    Whatever dies, a process or its whole node, no picture is lost and no result seen that is not whole: Ray does again
    what was not finished. A picture over which three processes have died fails.

    Where the iterator is closed, or Ctrl-C interrupts it, nothing more is begun, and what is at work has half a minute
    to be finished.

    Args:
        jobs: What is to be done; all nodes must see the files under the same paths, or they are URLs. If the plan does
            not replace, results that are there are skipped.
        model: What to upscale with.
        plan: How.
        workers: How many pictures at a time; by default, as many as there are GPUs, or one for every two processors.
        patience: Seconds to wait while there is no node.

    Yields:
        What became of each job, as it is done.

    Raises:
        ValueError: If the model cannot be loaded.
        OSError: If the cluster has no node for too long.

    Example:
        with connect("auto"):
            for task in run_on_ray(find_jobs(["s3://bucket/photos"], "s3://bucket/large"), ShippedModel.of(), Plan()):
                print(task.job.target, task.status, task.error)
    """
    import ray

    needs = choose_needs(find_nodes(), workers, uses_gpus=not model.name.lower().endswith(EXPORTED))
    threads, gpus = needs["CPU"], needs.get("GPU", 0)
    upscale = ray.remote(upscale_one).options(num_cpus=threads, num_gpus=gpus, max_retries=MOST_TRIES - 1)
    setup = ray.put(Setup(model, plan, threads, make_environment(threads)))
    waiting = iter(jobs)
    at_work: dict[Any, Job] = {}
    try:
        while True:
            slots = count_slots(find_nodes(), needs)
            # Some wait for their turn, so that Ray sees that more nodes would be of use.
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
        # Without `ray.cancel`, by which Ray 2.60 aborts this process now and then.
        if at_work:
            ray.wait(list(at_work), num_returns=len(at_work), timeout=FAREWELL)


def take(reference: Any, job: Job) -> Task:
    """What became of a job.

    Raises:
        Exception: What prevented any picture: the model cannot be loaded.
    """
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
    except ray.exceptions.RayError as error:
        why = textwrap.shorten(str(error), 300, placeholder=" ...")
        return Task(job, FAILED, error=f"{MOST_TRIES} processes died over it, the last one because: {why}")


def find_nodes() -> list[Mapping[str, float]]:
    """What each node of the cluster has, as Ray says it: "CPU", and "GPU" where there are any."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def choose_needs(nodes: Sequence[Mapping[str, float]], workers: int | None, *, uses_gpus: bool) -> dict[str, int]:
    """What of a node each task gets.

    Args:
        nodes: What each has.
        workers: How many tasks are wanted at a time: they share all processors.
        uses_gpus: Whether GPUs are of any use.

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
    """How many tasks there is room for."""
    return sum(min(int(node.get(name, 0)) // need for name, need in needs.items()) for node in nodes)


def make_environment(threads: int) -> dict[str, str]:
    """The variables that keep libraries to some threads, and make the results those of this process."""
    limited = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "VIPS_CONCURRENCY")
    same = ("KERAS_BACKEND", "TF_ENABLE_ONEDNN_OPTS")
    return (
        {"TF_ENABLE_ONEDNN_OPTS": "1"}
        | {name: os.environ[name] for name in same if name in os.environ}
        | dict.fromkeys(limited, str(threads))
    )
