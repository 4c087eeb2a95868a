import numpy as np
import pytest
from reference import assert_close, to_numpy, wave

from keras_lisr.data import imresize
from keras_lisr.layers import BicubicUpsample

RADIUS = 2  # Pixels of the input, around each, that the cubic kernel reaches.


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_equal_to_matlab_with_a_repeated_border(scale):
    image = wave(1, 5, 6, 3)
    margin = 2 * RADIUS
    extended = np.pad(image[0], ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    inside = slice(margin * scale, -margin * scale)
    expected = imresize(extended, scale)[inside, inside]
    assert_close(to_numpy(BicubicUpsample(scale)(image))[0], expected)
