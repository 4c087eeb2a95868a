import keras
import pytest
from reference import assert_close, assign_waves, wave

from keras_lisr.export.transposed_convolution import sub_pixel

FEATURES = wave(2, 5, 7, 3)


@pytest.mark.parametrize("stride", [2, 3, 4])
@pytest.mark.parametrize("size", [1, 4, 8, 9, (3, 6)])
@pytest.mark.parametrize("use_bias", [True, False])
def test_equals_the_transposed_convolution(size, stride, use_bias):
    layer = keras.layers.Conv2DTranspose(2, size, stride, padding="same", activation="relu", use_bias=use_bias)
    layer(FEATURES)
    assign_waves(layer)
    phases = sub_pixel(layer)(FEATURES)
    assert phases.shape == (2, 5, 7, 2 * stride**2)
    assert_close(keras.ops.depth_to_space(phases, stride), layer(FEATURES))
