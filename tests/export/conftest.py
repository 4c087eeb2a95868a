import sys
from functools import partial

import pytest

from keras_lisr.export import litert
from keras_lisr.export.calibration import calibration_patches


@pytest.fixture
def quick_int8(monkeypatch):
    """Calibration runs kernels that are written to be read, not to be fast; tests/export/test_equalize.py equalizes."""
    monkeypatch.setattr(litert, "SIDE", 24)
    monkeypatch.setattr(sys.modules["keras_lisr.export.verify"], "CROPS", 4)
    monkeypatch.setattr(litert, "calibration_patches", partial(calibration_patches, count=8))
    monkeypatch.setattr(litert, "equalize", lambda model, patches: model)
