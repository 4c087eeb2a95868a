import keras
import numpy as np
import pytest
from reference import assert_close, picture, to_numpy, wave

from keras_lisr.data import imresize
from keras_lisr.layers import BicubicUpsample

RADIUS = 2  # Pixels of the input, around each, that the cubic kernel reaches.


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_equal_to_matlab_inside(scale):
    image = wave(1, 9, 11, 3)
    inside = slice(RADIUS * scale, -RADIUS * scale)
    ours = to_numpy(BicubicUpsample(scale)(image))[0, inside, inside]
    assert_close(ours, imresize(image[0], scale)[inside, inside])


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_border_is_repeated(scale):
    image = wave(1, 5, 6, 3)
    margin = 2 * RADIUS
    extended = np.pad(image[0], ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    inside = slice(margin * scale, -margin * scale)
    expected = imresize(extended, scale)[inside, inside]
    assert_close(to_numpy(BicubicUpsample(scale)(image))[0], expected)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_constant_stays(scale):
    assert_close(BicubicUpsample(scale)(np.full((1, 1, 4, 2), 0.3, "float32")), 0.3, atol=1e-6)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_ramp_goes_on(scale):
    """A cubic kernel reproduces straight lines, at the half-pixel centres."""
    ramp = np.arange(12, dtype="float32")[None, None, :, None]
    enlarged = to_numpy(BicubicUpsample(scale)(ramp))[0, 0, :, 0]
    expected = (np.arange(12 * scale) + 0.5) / scale - 0.5
    inside = slice(RADIUS * scale, -RADIUS * scale)
    assert_close(enlarged[inside], expected[inside])


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_channels_do_not_mix(channels):
    image = np.zeros((1, 6, 6, channels), "float32")
    image[..., 0] = wave(1, 6, 6)
    enlarged = to_numpy(BicubicUpsample(2)(image))
    assert (enlarged[..., 1:] == 0).all()
    assert_close(enlarged[..., :1], BicubicUpsample(2)(image[..., :1]), atol=1e-6)


def test_nothing_to_train():
    layer = BicubicUpsample(2)
    layer(picture(1, 4, 4, 3))
    assert layer.weights == []


def test_shape():
    layer = BicubicUpsample(3)
    assert layer.compute_output_shape((None, None, 5, 2)) == (None, None, 15, 2)
    assert layer(keras.Input((None, None, 3))).shape == (None, None, None, 3)
    assert layer(picture(2, 1, 4, 3)).shape == (2, 3, 12, 3)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_precision(policy):
    output = BicubicUpsample(2, dtype=policy)(picture(1, 4, 4, 3))
    assert keras.backend.standardize_dtype(output.dtype) == policy.removeprefix("mixed_")
