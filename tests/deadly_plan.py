"""A plan for the tests of workers' deaths: some pictures kill the worker that reads them."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from keras_lisr.batch import Plan, StoredWorker

DEADLY, SLOW = "deadly", "slow"


class MortalWorker(StoredWorker):
    def read(self, job):
        if DEADLY in Path(job.source).name:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(job)

    def compute(self, task, progress=None):
        if SLOW in task.job.source.name:
            time.sleep(0.5)
        super().compute(task, progress)


@dataclass(frozen=True, kw_only=True)
class DeadlyPlan(Plan):
    def stored_worker(self, network, folder, run=""):
        worker = super().stored_worker(network, folder, run)
        worker.__class__ = MortalWorker
        return worker
