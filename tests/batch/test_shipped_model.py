import numpy as np
import pytest
from litert_files import write_litert

from keras_lisr import zoo
from keras_lisr.basics import preset_index
from keras_lisr.basics.preset_index import DEFAULT_PRESET
from keras_lisr.batch.network import load_network
from keras_lisr.batch.shipped_model import ShippedModel
from keras_lisr.zoo.presets import save_preset

ARGUMENTS = {"scale": 2, "num_filters": 4, "num_shrunk_filters": 2, "num_blocks": 1}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    network = zoo.fsrcnn(**ARGUMENTS)
    network.save(folder / "tiny.keras")
    save_preset(network, folder / "tiny.npz", builder="fsrcnn", arguments=ARGUMENTS)
    write_litert(network, folder / "tiny.tflite")
    return folder


@pytest.mark.parametrize("name", ["tiny.keras", "tiny.npz", "tiny.tflite"])
def test_a_file_computes_the_same_elsewhere(models, tmp_path, name):
    shipped = ShippedModel.of(str(models / name))
    path = shipped.unpack(tmp_path)
    assert path == str(tmp_path / name)
    picture = np.random.default_rng(0).integers(0, 256, (12, 14, 3), dtype=np.uint8)
    options = {} if name.endswith("tflite") else {"precision": "float32"}
    expected = load_network(str(models / name), **options)(picture)
    np.testing.assert_array_equal(load_network(path, **options)(picture), expected)


def test_a_preset_is_shipped_if_it_is_that_of_the_index(tmp_path, monkeypatch):
    shipped = ShippedModel.of()
    assert shipped.name == DEFAULT_PRESET
    assert shipped.unpack(tmp_path).endswith(f"{DEFAULT_PRESET}.npz")
    (tmp_path / "index.json").write_text((preset_index.FOLDER / "index.json").read_text())
    monkeypatch.setattr(preset_index, "FOLDER", tmp_path)
    assert ShippedModel.of().files == shipped.files
    (tmp_path / f"{DEFAULT_PRESET}.npz").write_bytes(b"other")
    with pytest.raises(ValueError, match="`name` .*SHA-256"):
        ShippedModel.of()


def test_models_that_cannot_be_shipped_are_refused_here(models, tmp_path):
    (tmp_path / "alone.tflite").write_bytes((models / "tiny.tflite").read_bytes())
    with pytest.raises(ValueError, match="sidecar"):
        ShippedModel.of(str(tmp_path / "alone.tflite"))
    with pytest.raises(ValueError, match="`model`"):
        ShippedModel.of("missing.keras")
