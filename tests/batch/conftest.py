import fsspec
import keras
import numpy as np
import pytest
from PIL import Image

from keras_lisr import zoo
from keras_lisr.batch import Url
from keras_lisr.inference import Upscaler
from keras_lisr.pictures import PictureUpscaler


@pytest.fixture(scope="session")
def network():
    keras.utils.set_random_seed(0)
    return Upscaler(zoo.fsrcnn(2), precision="float32")


@pytest.fixture
def upscaler(network):
    return PictureUpscaler(network)


@pytest.fixture
def memory_storage():
    """The storage memory://, empty before and afterwards."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pseudo_dirs[:] = [""]
    yield Url("memory://")
    system.store.clear()
    system.pseudo_dirs[:] = [""]


@pytest.fixture
def album(tmp_path):
    """Folder with three pictures: RGB, grey, and RGB in a folder within."""
    folder = tmp_path / "album"
    (folder / "within").mkdir(parents=True)
    random = np.random.default_rng(0)
    for name, shape in (("a.png", (24, 30, 3)), ("b.png", (20, 20)), ("within/c.png", (18, 40, 3))):
        Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8)).save(folder / name)
    return folder
