import numpy as np

from keras_lisr.cli.comparison import LABEL_HEIGHT, middle, side_by_side
from keras_lisr.data import imresize


def test_bicubic_at_the_left_and_the_result_at_the_right():
    low_resolution = np.random.default_rng(0).integers(0, 256, (20, 60, 3), dtype=np.uint8)
    super_resolved = low_resolution.repeat(3, axis=0).repeat(3, axis=1)
    picture = side_by_side(low_resolution, super_resolved, "nearest")
    assert picture.shape == (LABEL_HEIGHT + 60, 2 * 180, 3)
    np.testing.assert_array_equal(picture[LABEL_HEIGHT:, :180], imresize(low_resolution, 3))
    np.testing.assert_array_equal(picture[LABEL_HEIGHT:, 180:], super_resolved)
    for label in (picture[:LABEL_HEIGHT, :180], picture[:LABEL_HEIGHT, 180:]):
        assert label.min() < 50
        assert (label == 255).mean() > 0.7


def test_the_middle_of_a_large_picture():
    assert middle(20, 300, scale=2) == (slice(0, 40), slice(44, 556))
