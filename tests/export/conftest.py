import pytest

from keras_lisr.export import litert


@pytest.fixture
def quick_int8(monkeypatch):
    """Calibration runs kernels that are written to be read, not to be fast; tests/export/test_equalize.py equalizes."""
    monkeypatch.setattr(litert, "SIDE", 24)
    monkeypatch.setattr(litert, "equalize", lambda model, patches: model)
