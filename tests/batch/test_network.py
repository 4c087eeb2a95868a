import sys

import pytest
from litert_files import write_litert

from keras_lisr import zoo
from keras_lisr.batch.network import load_network
from keras_lisr.inference import Upscaler
from keras_lisr.litert import LiteRTUpscaler


def test_each_kind_of_model_is_upscaled_by_its_own(tmp_path):
    path = write_litert(zoo.fsrcnn(2, num_filters=4, num_shrunk_filters=2, num_blocks=1), tmp_path / "tiny.tflite")
    assert isinstance(load_network(str(path), tile=16, threads=1), LiteRTUpscaler)
    assert isinstance(load_network("imdn_x3"), Upscaler)
    with pytest.raises(ValueError, match="`threads`"):
        load_network(str(path), threads=0)


def test_keras_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_lisr.inference.upscaler", None)
    with pytest.raises(ValueError, match="Keras .*model='imdn_x4'"):
        load_network("imdn_x4")
