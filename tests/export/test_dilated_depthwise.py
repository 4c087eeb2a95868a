import keras
import pytest
from reference import assert_close, assign_waves, wave

from keras_lisr.export.dilated_depthwise import dilated_sum, is_large

FEATURES = wave(2, 9, 11, 3)


@pytest.mark.parametrize("options", [{"activation": "relu"}, {"use_bias": False}, {"depth_multiplier": 2}])
def test_equals_the_convolution(options):
    layer = keras.layers.DepthwiseConv2D(7, padding="same", **options)
    layer(FEATURES)
    assign_waves(layer)
    expected = layer(FEATURES)
    assert is_large(layer)
    assert_close(dilated_sum(layer)(FEATURES), expected)


@pytest.mark.parametrize("options", [{"kernel_size": 5}, {"dilation_rate": 2}, {"kernel_size": (7, 1)}])
def test_others_are_left_alone(options):
    assert not is_large(keras.layers.DepthwiseConv2D(**{"kernel_size": 7, "padding": "same"} | options))
