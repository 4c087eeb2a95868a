"""What is left to do while workers come and die."""

from collections import Counter, deque
from collections.abc import Iterable, Sequence

from keras_lisr.batch.jobs import Job
from keras_lisr.batch.worker import FAILED, Task

IN_WORK = 3  # Pictures that a worker has begun at the same time, as `run_jobs` does.
LARGEST_BATCH = 16
MOST_TRIES = 3


class Backlog:
    """Jobs that are not done yet.

    A worker gets several at a time, so that it reads one while it upscales another. When it dies, one of the first
    three of them may have killed it. These are tried again, each alone, so that it shows which one it was. A picture of
    which workers have died three times fails.

    Args:
        jobs: What is to be done, each with a target of its own.

    Example:

    >>> from pathlib import Path
    >>> backlog = Backlog([Job(Path("a.png"), Path("a_x4.png"))])
    >>> for _ in range(3):
    ...     batch, again = backlog.next_batch(workers=2)
    ...     failed = backlog.lost(batch, "it was killed")
    >>> failed[0].status, len(backlog)
    ('failed', 0)
    """

    def __init__(self, jobs: Iterable[Job]):
        self._fresh = deque(jobs)
        self._suspects: deque[Job] = deque()
        self._tries: Counter[Job] = Counter()

    def __len__(self) -> int:
        return len(self._fresh) + len(self._suspects)

    def next_batch(self, workers: int) -> tuple[list[Job], bool]:
        """What a worker is to do next.

        Args:
            workers: How many share the rest: towards the end they get little at a time, to end together.

        Returns:
            Jobs, none if there are none, and whether they have been tried before.
        """
        if self._suspects:
            return [self._suspects.popleft()], True
        count = min(LARGEST_BATCH, max(1, len(self._fresh) // (2 * workers)), len(self._fresh))
        return [self._fresh.popleft() for _ in range(count)], False

    def put_back(self, jobs: Sequence[Job]) -> None:
        """Takes back what a worker has not begun."""
        self._fresh.extendleft(reversed(jobs))

    def lost(self, jobs: Sequence[Job], reason: str) -> list[Task]:
        """Takes back what a worker that died has not told.

        Args:
            jobs: In the order in which it got them.
            reason: Why it died.

        Returns:
            Those that have failed by that.
        """
        failed = []
        for job in jobs[:IN_WORK]:
            self._tries[job] += 1
            if self._tries[job] < MOST_TRIES:
                self._suspects.append(job)
            else:
                error = f"the worker died, {MOST_TRIES} times, the last one because: {reason}"
                failed.append(Task(job, FAILED, error=error))
        self.put_back(jobs[IN_WORK:])
        return failed
