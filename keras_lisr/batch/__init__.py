"""Many pictures: which ones, what their results are called, and upscaling them, here or on a cluster."""

from keras_lisr.batch.cluster import connect as connect
from keras_lisr.batch.jobs import Job as Job
from keras_lisr.batch.jobs import find_jobs as find_jobs
from keras_lisr.batch.plan import Plan as Plan
from keras_lisr.batch.ray_jobs import run_on_ray as run_on_ray
from keras_lisr.batch.run import run_jobs as run_jobs
from keras_lisr.batch.shipped_model import ShippedModel as ShippedModel
from keras_lisr.batch.storage import Url as Url
from keras_lisr.batch.worker import Task as Task
from keras_lisr.batch.worker import Worker as Worker

__all__ = [
    "Job",
    "Plan",
    "ShippedModel",
    "Task",
    "Url",
    "Worker",
    "connect",
    "find_jobs",
    "run_jobs",
    "run_on_ray",
]
