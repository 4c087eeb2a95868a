import pickle

import numpy as np
import pytest

from keras_lisr.batch import Plan, StoredWorker, Worker
from keras_lisr.pictures import Size


@pytest.fixture
def plan():
    """One of which nothing is as by default."""
    options = {"max_pixels": 10**6, "quality": 80, "strip_metadata": True, "replaces": True}
    return Plan(tile=16, precision="float32", size=Size(scale=1.5), alpha="bicubic", memory=2**31, **options)


def test_a_plan_is_the_same_elsewhere(plan):
    assert pickle.loads(pickle.dumps(plan)) == plan != Plan()


def test_workers_do_as_planned(plan, network, tmp_path):
    here, stored = plan.worker(network, skip_existing=True), plan.stored_worker(network, tmp_path, "run")
    for worker, kind in ((here, Worker), (stored, StoredWorker)):
        assert type(worker) is kind and worker.upscaler.network is network
        found = worker.upscaler
        assert (found.size, found.alpha) == (plan.size, plan.alpha)
        assert (worker.max_pixels, worker.quality, worker.strip_metadata) == (10**6, 80, True)
    assert here.skip_existing and not stored.skip_existing
    assert (stored.folder, stored.run, stored.replaces) == (tmp_path, "run", True)


def test_the_network_is_loaded_as_planned(plan):
    network = plan.load("imdn_x2")
    assert (network.scale, network.tile, network.precision) == (2, 16, "float32")
    assert network(np.zeros((10, 12, 3), np.uint8)).shape == (20, 24, 3)
