import numpy as np
import pytest
from litert_files import write_litert

from keras_lisr import zoo
from keras_lisr.batch import Plan
from keras_lisr.exported import ExportedUpscaler

PLAN = Plan(tile=16, precision="float32")


def test_each_kind_of_model_is_loaded_as_planned(tmp_path):
    network = PLAN.load("imdn_x2")
    assert (network.scale, network.tile, network.precision) == (2, 16, "float32")
    assert network(np.zeros((10, 12, 3), np.uint8)).shape == (20, 24, 3)
    path = write_litert(zoo.fsrcnn(2, num_filters=4, num_shrunk_filters=2, num_blocks=1), tmp_path / "tiny.tflite")
    assert isinstance(PLAN.load(str(path), threads=1), ExportedUpscaler)
    with pytest.raises(ValueError, match="`threads`"):
        PLAN.load(str(path), threads=0)
