import keras
import numpy as np
import pytest
from hub_server import serve_hub
from reference import picture, to_numpy

from keras_lisr import zoo

pytest.importorskip("huggingface_hub")


@pytest.fixture
def repositories(monkeypatch, tmp_path):
    with serve_hub(monkeypatch, tmp_path / "cache") as repositories:
        yield repositories


def test_what_is_pushed_comes_back_with_a_card(repositories):
    model = zoo.fsrcnn(2, ggas=True, num_filters=8, num_shrunk_filters=4, num_blocks=1)
    address = zoo.push_to_hub(model, "ann/sharp", text="31.2 dB on 20 drawings.")
    image = picture(1, 8, 8, 3)
    for name in (address, "hf://ann/sharp"):
        for load in (zoo.from_preset, zoo.load_model):
            np.testing.assert_allclose(to_numpy(load(name)(image)), to_numpy(model(image)), atol=1e-2)
    card = repositories["ann/sharp"]["README.md"].decode()
    assert card.startswith("---\n")
    for part in ("hf://ann/sharp", "31.2 dB on 20 drawings.", '"num_filters": 8', f"{model.count_params():,}"):
        assert part in card


def test_another_model_is_refused_before_anything_is_uploaded(repositories):
    image = keras.Input((None, None, 3))
    with pytest.raises(ValueError, match="`model`"):
        zoo.push_to_hub(keras.Model(image, keras.layers.UpSampling2D()(image)), "ann/other")
    assert not repositories
