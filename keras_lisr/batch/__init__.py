"""Many pictures: which ones, what their results are called, and upscaling them, here or on a cluster."""

from keras_lisr.batch.jobs import Job as Job
from keras_lisr.batch.jobs import find_jobs as find_jobs
from keras_lisr.batch.plan import Plan as Plan
from keras_lisr.batch.run import run_jobs as run_jobs
from keras_lisr.batch.storage import Url as Url
from keras_lisr.batch.stored_worker import StoredWorker as StoredWorker
from keras_lisr.batch.worker import Task as Task
from keras_lisr.batch.worker import Worker as Worker

__all__ = [
    "Job",
    "Plan",
    "StoredWorker",
    "Task",
    "Url",
    "Worker",
    "find_jobs",
    "run_jobs",
]
