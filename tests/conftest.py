"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest

# `keras_lisr.training` sets it where it comes before TensorFlow. Tests and the processes that they start must agree.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


@pytest.fixture(scope="session")
def benchmarks() -> Path:
    """Folder of the benchmark sets: Set5, Set14 and DIV2K_valid_part."""
    data = os.environ.get("KERAS_LISR_DATA")
    folder = Path(data or "nowhere") / "benchmarks"
    if not folder.is_dir():
        pytest.skip("KERAS_LISR_DATA is not the folder that holds benchmarks/Set5/HR/baby.png and so on")
    return folder
