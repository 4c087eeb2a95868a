import keras
import numpy as np
import pytest
from litert_files import write_litert
from picture_files import noise
from preset_files import add_preset

from keras_lisr import zoo
from keras_lisr.basics import preset_index
from keras_lisr.basics.preset_index import DEFAULT_PRESET
from keras_lisr.inference import Upscaler
from keras_lisr.pictures import Picture, write_picture
from keras_lisr.zoo.storage import save_preset

ARGUMENTS = {"scale": 2, "num_filters": 8, "num_blocks": 1, "attention": None}


@pytest.fixture(autouse=True)
def untrained(monkeypatch):
    """Networks that nobody has trained do not warn."""
    monkeypatch.setattr(Upscaler, "warns", False)


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Folder with one tiny network as a preset file, and as a .keras file."""
    folder = tmp_path_factory.mktemp("models")
    keras.utils.set_random_seed(0)
    network = zoo.imdn(**ARGUMENTS)
    network.save(folder / "tiny.keras")
    save_preset(network, folder / "tiny.npz")
    zoo.imdn(2, num_filters=16, num_blocks=1).save(folder / "pooling.keras")
    return folder


@pytest.fixture(scope="session")
def index(models, tmp_path_factory):
    """Folder of presets: the default one and one of another scale."""
    folder = tmp_path_factory.mktemp("presets")
    save_preset(zoo.imdn(**{**ARGUMENTS, "scale": 4}), models / "x4.npz")
    measured = {"Set5": (31.234, 0.88), "Set14": (28.0, 0.77)}
    add_preset(folder, "tiny_x2", models / "tiny.npz", multiply_accumulates=1_230_000_000)
    add_preset(folder, DEFAULT_PRESET, models / "x4.npz", multiply_accumulates=4 * 10**9, measured=measured)
    return folder


@pytest.fixture
def picture(tmp_path, index, monkeypatch):
    monkeypatch.setattr(preset_index, "FOLDER", index)
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    write_picture(Picture(pixels), tmp_path / "in.png")
    return tmp_path / "in.png"


@pytest.fixture(scope="session")
def exported(models, tmp_path_factory):
    """Folder with the tiny network as LiteRT files: for any size, and for one size."""
    folder = tmp_path_factory.mktemp("exported")
    network = zoo.from_preset(models / "tiny.npz")
    write_litert(network, folder / "any.tflite")
    write_litert(network, folder / "static.tflite", shape=(24, 28))
    return folder


@pytest.fixture
def album(picture):
    """Folder with `picture` and four more, one of them in a folder within, one with a name that is hard to print."""
    folder = picture.parent / "album"
    (folder / "Reise").mkdir(parents=True)
    for i, name in enumerate(("a.png", "b.png", "Reise/über\nall.png", "zz.png")):
        noise(folder / name, 12 + i, 16)
    picture.rename(folder / "in.png")
    return folder
