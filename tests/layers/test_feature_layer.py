import keras
import numpy as np
import pytest

from keras_lisr import layers, zoo


@pytest.fixture
def channels_first():
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format("channels_last")


@pytest.mark.parametrize("name", layers.__all__)
def test_layers_refuse_channels_first(channels_first, name):
    with pytest.raises(ValueError, match="`image_data_format`"):
        getattr(layers, name)(**({"scale": 2} if name == "BicubicUpsample" else {}))


def test_builders_and_presets_refuse_channels_first(channels_first):
    for build in (zoo.fsrcnn, lambda: zoo.from_preset("imdn_x4")):
        with pytest.raises(ValueError, match="`image_data_format`"):
            build()


@pytest.mark.parametrize("name", ["ApproximateSelfAttention", "BicubicUpsample", "EnhancedSpatialAttention"])
def test_a_layer_that_was_made_before_computes_the_same(name, request):
    layer = getattr(layers, name)(**({"scale": 2} if name == "BicubicUpsample" else {}))
    features = np.random.default_rng(0).random((1, 16, 17, 8), "float32")
    before = keras.ops.convert_to_numpy(layer(features))
    request.getfixturevalue("channels_first")
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer(features)), before)
