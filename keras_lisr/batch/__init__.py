"""Upscales many pictures: finds them, names their results, and runs them here or on a Ray cluster."""

from keras_lisr.batch.cluster import connect
from keras_lisr.batch.jobs import Job, find_jobs
from keras_lisr.batch.plan import Plan
from keras_lisr.batch.ray_jobs import run_on_ray
from keras_lisr.batch.run import run_jobs
from keras_lisr.batch.storage import Url
from keras_lisr.batch.worker import Task, Worker

__all__ = ["Job", "Plan", "Task", "Url", "Worker", "connect", "find_jobs", "run_jobs", "run_on_ray"]
