import numpy as np
import pytest

from keras_lisr.evaluation.color import luma


def test_published_values():
    # The rows of BT.601 in MATLAB's documentation of rgb2ycbcr; (10, 20, 30) by skimage.color.rgb2ycbcr 0.26.
    image = np.array([[[0, 0, 0], [255, 255, 255]], [[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [10, 20, 30]]], np.uint8)
    expected = [[16, 235], [81.481, 144.553], [40.966, 31.587647058823528]]
    np.testing.assert_allclose(luma(image), expected, rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_is_float64_in_studio_range_whatever_comes(dtype):
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(dtype)
    converted = luma(image)
    assert converted.dtype == np.float64
    assert converted.shape == (5, 7)
    assert converted.min() >= 16
    assert converted.max() <= 235
    np.testing.assert_array_equal(converted, luma(image.astype(np.float64)))


@pytest.mark.parametrize("shape", [(8, 8), ()])
def test_refuses_what_is_not_rgb(shape):
    with pytest.raises(ValueError, match="`image`"):
        luma(np.zeros(shape))
