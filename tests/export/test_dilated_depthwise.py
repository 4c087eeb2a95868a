import keras
import pytest
from reference import assert_close, assign_waves, wave

from keras_lisr.export.dilated_depthwise import MOST_TAPS, centred_rows, dilated_sum, is_large

FEATURES = wave(2, 9, 11, 3)


@pytest.mark.parametrize("size", [7, 9, 11, (3, 11), (25, 3), (27, 1), (13, 5)])
@pytest.mark.parametrize("options", [{"activation": "relu"}, {"use_bias": False}, {"depth_multiplier": 2}])
def test_equals_the_convolution(size, options):
    layer = keras.layers.DepthwiseConv2D(size, padding="same", **options)
    layer(FEATURES)
    assign_waves(layer)
    expected = layer(FEATURES)
    assert is_large(layer)
    assert_close(dilated_sum(layer)(FEATURES), expected)


@pytest.mark.parametrize(("rows", "most"), [(3, 2), (5, 2), (11, 2), (5, 3), (7, 3), (9, 4), (25, 8)])
def test_every_row_is_in_one_centred_set(rows, most):
    sets = [range(rows)[chosen] for chosen in centred_rows(rows, most)]
    assert all(len(chosen) <= most and chosen[0] + chosen[-1] == rows - 1 for chosen in sets)
    assert sorted(row for chosen in sets for row in chosen) == list(range(rows))


def test_kernels_are_small_enough():
    layer = keras.layers.DepthwiseConv2D(7, padding="same", name="depthwise")
    inputs = keras.Input((None, None, 3))
    layer(inputs)
    model = keras.Model(inputs, dilated_sum(layer)(inputs))
    sizes = [part.kernel_size for part in model.layers if isinstance(part, keras.layers.DepthwiseConv2D)]
    assert sizes == [(3, 7), (2, 7), (2, 7)]
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
        {"kernel_size": (5, 13)},
        {"kernel_size": 6},
    ],
)
def test_others_are_left_alone(options):
    assert not is_large(keras.layers.DepthwiseConv2D(**{"kernel_size": 7, "padding": "same"} | options))
    assert not is_large(keras.layers.Conv2D(1, 7, padding="same"))
