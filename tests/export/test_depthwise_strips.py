import keras
import pytest
from reference import assert_close, assign_waves, wave

from keras_lisr.export.depthwise_strips import MOST_TAPS, in_strips, is_large

FEATURES = wave(2, 9, 11, 3)


@pytest.mark.parametrize("size", [6, 7, 8, 9, 11, (2, 13), (25, 3), (3, 25)])
@pytest.mark.parametrize("options", [{"activation": "relu"}, {"use_bias": False}, {"depth_multiplier": 2}])
def test_equals_the_convolution(size, options):
    layer = keras.layers.DepthwiseConv2D(size, padding="same", **options)
    layer(FEATURES)
    assign_waves(layer)
    expected = layer(FEATURES)
    assert is_large(layer)
    assert_close(in_strips(layer, FEATURES), expected)


def test_kernels_are_small_enough():
    layer = keras.layers.DepthwiseConv2D(7, padding="same", name="depthwise")
    inputs = keras.Input((None, None, 3))
    layer(inputs)
    model = keras.Model(inputs, in_strips(layer, inputs))
    sizes = [part.kernel_size for part in model.layers if isinstance(part, keras.layers.DepthwiseConv2D)]
    assert sizes == [(3, 7), (3, 7), (1, 7)]
    assert all(rows * columns <= MOST_TAPS for rows, columns in sizes)


@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 5},
        {"padding": "valid"},
        {"strides": 2},
        {"dilation_rate": 2},
        {"data_format": "channels_first"},
        {"kernel_size": (1, 27)},
    ],
)
def test_others_are_left_alone(options):
    assert not is_large(keras.layers.DepthwiseConv2D(**{"kernel_size": 7, "padding": "same"} | options))
    assert not is_large(keras.layers.Conv2D(1, 7, padding="same"))
