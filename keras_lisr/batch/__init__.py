"""Many pictures: which ones, what their results are called, and upscaling them, here or on a cluster."""

from keras_lisr.batch.cluster import connect
from keras_lisr.batch.jobs import Job, find_jobs
from keras_lisr.batch.plan import Plan
from keras_lisr.batch.ray_jobs import run_on_ray
from keras_lisr.batch.run import run_jobs
from keras_lisr.batch.shipped_model import ShippedModel
from keras_lisr.batch.storage import Url
from keras_lisr.batch.worker import Task, Worker

__all__ = ["Job", "Plan", "ShippedModel", "Task", "Url", "Worker", "connect", "find_jobs", "run_jobs", "run_on_ray"]
