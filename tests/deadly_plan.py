"""A plan for the tests of processes' deaths: some pictures kill the one that reads them."""

import os
import signal
import time
from dataclasses import dataclass

from keras_lisr.batch import Plan, Worker, ray_jobs

DEADLY, SLOW = "deadly", "slow"


class MortalWorker(Worker):
    def read(self, job, folder=None):
        if DEADLY in job.source.name:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(job, folder)

    def compute(self, task, progress=None):
        if SLOW in task.job.source.name:
            time.sleep(0.5)
        super().compute(task, progress)


@dataclass(frozen=True, kw_only=True)
class DeadlyPlan(Plan):
    def load(self, model, threads=None):
        ray_jobs.Worker = MortalWorker  # In the process that does the work.
        return super().load(model, threads)
