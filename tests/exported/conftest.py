"""Tiny networks, and the LiteRT files that they are in."""

from functools import cache

import keras
import numpy as np
import pytest
from litert_files import write_litert

from keras_lisr import zoo

FILES = {
    "any": ("exact", {}),
    "static": ("exact", {"shape": (24, 32)}),
    "uint8": ("exact", {"io": "uint8"}),
    "int8": ("exact", {"io": "int8"}),
    "pooling": ("pooling", {}),
}


@pytest.fixture(scope="session")
def networks():
    """One whose tiles are exact, by a halo of 6 pixels, and one that pools over the picture."""
    keras.utils.set_random_seed(0)
    return {
        "exact": zoo.edsr_baseline(2, num_filters=4, num_blocks=1),
        "pooling": zoo.imdn(2, num_filters=16, num_blocks=1),
    }


@pytest.fixture(scope="session")
def litert_file(networks, tmp_path_factory):
    """A function from a name in `FILES` to the file, which is written when it is first asked for."""
    folder = tmp_path_factory.mktemp("files")

    @cache
    def file(name):
        network, options = FILES[name]
        return write_litert(networks[network], folder / f"{name}.tflite", **options)

    return file


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (40, 53, 3), dtype=np.uint8)
