"""Many pictures on many machines: workers on a Ray cluster, each with the model loaded once."""

import textwrap
import time
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from keras_lisr.batch.backlog import MOST_TRIES, Backlog
from keras_lisr.batch.cluster import share_of
from keras_lisr.batch.cluster_worker import ClusterWorker, environment_here, remove_folders_of
from keras_lisr.batch.jobs import Job
from keras_lisr.batch.plan import Plan
from keras_lisr.batch.shipped_model import ShippedModel
from keras_lisr.batch.storage import remove_leftovers
from keras_lisr.batch.stored_worker import mark_of
from keras_lisr.batch.worker import Task
from keras_lisr.preset_index import LITERT

PATIENCE = 300.0  # Seconds without any worker: as long as machines take that replace others.
FAREWELL = 30.0  # Seconds for what is being written when the work is stopped.


def run_on_ray(
    jobs: Iterable[Job],
    model: ShippedModel,
    plan: Plan,
    *,
    workers: int | None = None,
    note: Callable[[str], Any] | None = None,
    patience: float = PATIENCE,
) -> Generator[Task, None, None]:
    """Upscales pictures on the Ray cluster that this process is connected to.

    Whatever dies, a worker or its whole node, no picture is lost and no result seen that is not whole: what a worker
    had not told is done again by others, unless its result is there. After three workers have died over it, a picture
    fails.

    Where the iterator is closed, or Ctrl-C interrupts it, workers drop what they upscale, finish what they write, and
    end.

    Args:
        jobs: What is to be done; workers must see the files under the same paths, or they are URLs. If the plan does
            not replace, no target may be there.
        model: What to upscale with.
        plan: How.
        workers: How many; by default as many as `share_of` finds room for.
        note: Called with one sentence about each worker that died.
        patience: Seconds to wait while there is no worker at all.

    Yields:
        What became of each job, as it is done.

    Raises:
        ValueError: If the workers cannot load the model, or Ray is not connected.
        OSError: If the cluster has no worker for too long, or workers die while they load the model.

    Example:
        with connected("auto"):
            for task in run_on_ray(find_jobs(["s3://bucket/photos"], "s3://bucket/large"), ShippedModel.of(), Plan()):
                print(task.job.target, task.status, task.error)
    """
    backlog = Backlog(jobs)
    crew = Crew(backlog, model, plan, workers, note or (lambda text: None), patience)
    try:
        while crew.has_work:
            yield from crew.step()
    except KeyboardInterrupt:
        yield from crew.stop()
        raise
    finally:
        crew.dismiss()


@dataclass(eq=False)
class Member:
    """One worker, as it is known here.

    Args:
        actor: Ray's handle of it.
        asked: What it was asked last and has not answered; None if it is idle.
        is_loaded: Whether it has the model.
        batch: What it got and has not told.
    """

    actor: Any
    asked: Any
    is_loaded: bool = False
    batch: list[Job] = field(default_factory=list)


class Crew:
    """The workers: hired, given work, and replaced when they die. Arguments are those of `run_on_ray`."""

    def __init__(
        self,
        backlog: Backlog,
        model: ShippedModel,
        plan: Plan,
        workers: int | None,
        note: Callable[[str], Any],
        patience: float,
    ):
        import ray

        if not ray.is_initialized():
            raise ValueError("Ray must be connected to a cluster, by `connected` or ray.init. Received: no connection")
        self._ray = ray
        self._backlog = backlog
        self._note = note
        self._patience = patience
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        self._share = share_of(nodes, workers, uses_gpus=not model.name.endswith(LITERT))
        self._needed = min(self._share.workers, len(backlog))  # Never more than there are pictures.
        self._class = ray.remote(ClusterWorker).options(
            num_cpus=self._share.cpus,
            num_gpus=self._share.gpus,
            max_concurrency=2,  # `stop` is heard while it works.
        )
        self._run = uuid.uuid4().hex
        self._loading = (ray.put(model), plan, self._share.cpus, self._run, environment_here())
        self._members: list[Member] = []
        self._deaths_at_start = 0
        self._last_seen = time.monotonic()

    @property
    def has_work(self) -> bool:
        """Whether something is left to do."""
        return bool(self._backlog) or any(member.batch for member in self._members)

    def step(self) -> Iterator[Task]:
        """Gives out work and takes what was done meanwhile."""
        while len(self._members) < self._needed:
            actor: Any = self._class.remote()
            self._members.append(Member(actor, actor.load.remote(*self._loading)))
        for member in self._members:
            if member.is_loaded and member.asked is None:
                member.batch, redoing = self._backlog.next_batch(len(self._members))
                if member.batch:
                    member.asked = member.actor.begin.remote(member.batch, redoing)
        for member in self._answering(timeout=1.0):
            yield from self._take(member)
        if any(member.is_loaded for member in self._members):
            self._last_seen = time.monotonic()
        elif time.monotonic() - self._last_seen > self._patience:
            raise OSError(
                f"The cluster must have a node with {self._share.cpus} free processors for a worker. Received: none "
                f"for {self._patience:g} seconds"
            )

    def stop(self) -> Iterator[Task]:
        """Ends the work, and tells what is finished nevertheless."""
        busy = [member for member in self._members if member.is_loaded and member.asked is not None]
        for member in busy:
            member.actor.stop.remote()
        end = time.monotonic() + FAREWELL
        while any(member.asked is not None for member in busy) and time.monotonic() < end:
            for member in self._answering(timeout=1.0, among=busy):
                yield from self._take(member)

    def dismiss(self) -> None:
        """Ends the workers."""
        with suppress(Exception, KeyboardInterrupt):
            for _ in self.stop():
                pass
            closed = [member.actor.close.remote() for member in self._members]
            self._ray.wait(closed, num_returns=len(closed), timeout=5.0)
        for member in self._members:
            with suppress(Exception):
                self._ray.kill(member.actor)
        remove_folders_of(self._run)

    def _answering(self, timeout: float, among: list[Member] | None = None) -> list[Member]:
        """Those who have answered what they were asked."""
        waiting = {m.asked: m for m in (self._members if among is None else among) if m.asked is not None}
        if not waiting:
            return []
        ready, _ = self._ray.wait(list(waiting), num_returns=1, timeout=timeout)
        return [waiting[asked] for asked in ready]

    def _take(self, member: Member) -> Iterator[Task]:
        """Takes an answer, and asks for the next one."""
        try:
            answer = self._ray.get(member.asked)
        except self._ray.exceptions.RayError as error:
            yield from self._replace(member, error)
            return
        member.asked = None
        if not member.is_loaded:
            if answer:
                raise ValueError(answer)
            member.is_loaded = True
            self._deaths_at_start = 0
        elif answer is None:
            self._backlog.put_back(member.batch)  # Nothing, unless it was stopped.
            member.batch = []
        else:
            member.batch.remove(answer.job)
            member.asked = member.actor.next.remote()
            yield answer

    def _replace(self, member: Member, error: Exception) -> Iterator[Task]:
        """Lets a worker that died go; another one takes its place at the next step."""
        self._members.remove(member)
        member.asked = None
        with suppress(Exception):
            self._ray.kill(member.actor)  # It may only be out of reach.
        why = summary(error)
        if not member.is_loaded:
            self._deaths_at_start += 1
            if self._deaths_at_start >= MOST_TRIES * self._needed:
                raise OSError(f"Workers must be able to load the model. Received: {self._deaths_at_start} died ({why})")
            return
        self._note(f"a worker died, and others do again what it had begun ({why})")
        for task in self._backlog.lost(member.batch, why):
            remove_leftovers(task.job.target, mark_of(self._run, task.job))
            yield task
        member.batch = []


def summary(error: Exception) -> str:
    """What Ray says of a death, without the numbers of those who died."""
    lines = [line for line in str(error).splitlines() if not line.startswith("\t")]
    return textwrap.shorten(" ".join(" ".join(lines).split()), 300, placeholder=" ...")
