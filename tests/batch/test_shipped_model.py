import numpy as np
import pytest
from litert_files import write_litert

from keras_lisr import zoo
from keras_lisr.basics.preset_index import DEFAULT_PRESET
from keras_lisr.batch import Plan, ShippedModel
from keras_lisr.zoo.storage import save_preset

ARGUMENTS = {"scale": 2, "num_filters": 4, "num_shrunk_filters": 2, "num_blocks": 1}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    network = zoo.fsrcnn(**ARGUMENTS)
    network.save(folder / "tiny.keras")
    save_preset(network, folder / "tiny.npz")
    write_litert(network, folder / "tiny.tflite")
    return folder


@pytest.mark.parametrize("name", ["tiny.keras", "tiny.npz", "tiny.tflite"])
def test_a_file_computes_the_same_elsewhere(models, tmp_path, name):
    shipped = ShippedModel.of(str(models / name))
    path = shipped.unpack(tmp_path)
    assert path == str(tmp_path / name)
    picture = np.random.default_rng(0).integers(0, 256, (12, 14, 3), dtype=np.uint8)
    plan = Plan(precision="float32")
    np.testing.assert_array_equal(plan.load(path)(picture), plan.load(str(models / name))(picture))


def test_a_preset_is_shipped(tmp_path):
    shipped = ShippedModel.of()
    assert shipped.name == DEFAULT_PRESET
    assert shipped.unpack(tmp_path).endswith(f"{DEFAULT_PRESET}.npz")


def test_models_that_cannot_be_shipped_are_refused_here(models, tmp_path):
    (tmp_path / "alone.tflite").write_bytes((models / "tiny.tflite").read_bytes())
    with pytest.raises(OSError, match="alone.tflite.json"):
        ShippedModel.of(str(tmp_path / "alone.tflite"))
    with pytest.raises(ValueError, match="`model`"):
        ShippedModel.of("missing.keras")
