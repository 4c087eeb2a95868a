"""Many pictures: which ones, what their results are called, and upscaling them from file to file."""

from keras_lisr.batch.jobs import Job as Job
from keras_lisr.batch.jobs import find_jobs as find_jobs
from keras_lisr.batch.run import run_jobs as run_jobs
from keras_lisr.batch.worker import Task as Task
from keras_lisr.batch.worker import Worker as Worker

__all__ = ["Job", "Task", "Worker", "find_jobs", "run_jobs"]
