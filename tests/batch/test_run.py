import threading
import time

import numpy as np
import pytest

from keras_lisr.basics.whole_files import PARTIAL
from keras_lisr.batch import Worker, find_jobs, run_jobs
from keras_lisr.pictures import read_picture


@pytest.fixture
def jobs(album, tmp_path):
    return find_jobs([album], tmp_path / "out", recursive=True)


def test_results_are_those_of_each_picture_alone(jobs, upscaler, network):
    tasks = list(run_jobs(jobs, Worker(network)))
    assert [(task.job, task.status, task.error) for task in tasks] == [(job, "written", "") for job in jobs]
    for job in jobs:
        expected = upscaler(read_picture(job.source)).pixels
        np.testing.assert_array_equal(read_picture(job.target).pixels, expected)


def test_progress_tells_the_picture_and_its_tiles(jobs, network):
    told = []
    list(run_jobs(jobs, Worker(network), lambda *arguments: told.append(arguments)))
    assert [job for job, done, total in told if done == 0] == jobs
    assert [job for job, done, total in told if done == total] == jobs


class Watched(Worker):
    """Counts the pictures that are in memory, and waits until the steps of neighbours overlap."""

    def __init__(self, network, count):
        super().__init__(network)
        self.began = {(step, i): threading.Event() for step in ("read", "compute", "write") for i in range(count)}
        self.count = count
        self.order = []
        self.held = self.most = 0

    def begin(self, step, job, waits_for, i):
        if step == "read":
            self.order.append(job)
            self.held += 1
            self.most = max(self.most, self.held)
        own = self.order.index(job)
        self.began[step, own].set()
        if 0 <= own + i < self.count:
            assert self.began[waits_for, own + i].wait(60), f"{step} of {own} ran without {waits_for} of {own + i}"

    def read(self, job, folder=None):
        self.begin("read", job, "compute", -1)
        return super().read(job, folder)

    def compute(self, task, progress=None):
        self.begin("compute", task.job, "read", 1)
        super().compute(task, progress)

    def write(self, task):
        self.begin("write", task.job, "compute", 1)
        written = super().write(task)
        self.held -= 1
        return written


def test_reading_computing_and_writing_overlap(jobs, network):
    worker = Watched(network, len(jobs))
    assert [task.status for task in run_jobs(jobs, worker)] == ["written"] * 3
    assert worker.most <= 3


def test_what_is_stopped_leaves_no_half_file(jobs, upscaler, network):
    class Slow(Worker):
        def write(self, task):
            time.sleep(0.2)
            return super().write(task)

    def interrupt(job, done, total):
        if job == jobs[1] and done == total:
            raise KeyboardInterrupt

    told = []
    with pytest.raises(KeyboardInterrupt):
        for task in run_jobs(jobs, Slow(network), interrupt):
            told.append(task.status)
    assert told == ["written"]
    assert [job.target.exists() for job in jobs] == [True, False, False]  # The first was being written.
    np.testing.assert_array_equal(read_picture(jobs[0].target).pixels, upscaler(read_picture(jobs[0].source)).pixels)
    assert not list(jobs[0].target.parent.rglob(PARTIAL))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("reader", "writer"))]

    resumed = [task.status for task in run_jobs(jobs, Worker(network))]
    assert resumed == ["skipped", "written", "written"]
