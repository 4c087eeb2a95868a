import math

import numpy as np
import pytest

from keras_lisr.data.image_folder import read_rgb
from keras_lisr.data.imresize import imresize

SCALES = [4, 1.5, 1, 1 / 3]


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (24, 36, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("folder", "scale", "names"),
    [
        ("Set5", 2, ["baby", "bird", "butterfly", "head", "woman"]),
        ("Set5", 3, ["baby", "bird", "butterfly", "head", "woman"]),
        ("Set5", 4, ["baby", "bird", "butterfly", "head", "woman"]),
        ("DIV2K_valid_part", 4, ["0802", "0803", "0806"]),
    ],
)
def test_reproduces_the_files_that_matlab_made_bit_for_bit(benchmarks, folder, scale, names):
    for name in names:
        high_resolution = read_rgb(benchmarks / folder / "HR" / f"{name}.png")
        made_by_matlab = read_rgb(benchmarks / folder / "LR_bicubic" / f"X{scale}" / f"{name}x{scale}.png")
        height, width = (length - length % scale for length in high_resolution.shape[:2])
        low_resolution = imresize(high_resolution[:height, :width], 1 / scale)
        assert low_resolution.dtype == np.uint8
        assert np.count_nonzero(low_resolution != made_by_matlab) == 0, name


def test_impulse_shows_the_kernel():
    impulse = np.zeros((16, 16))
    impulse[8] = 1
    # Keys' kernel with a = -0.5 at 1.75, 1.25, 0.75 and 0.25.
    kernel = [-0.0234375, -0.0703125, 0.2265625, 0.8671875]
    np.testing.assert_array_equal(imresize(impulse, 2)[13:21, 0], kernel + kernel[::-1])
    # Shrinking by 2 stretches it to twice the width and half the height.
    np.testing.assert_array_equal(imresize(impulse, 1 / 2)[2:6, 0], np.array(kernel)[[0, 2, 3, 1]] / 2)


@pytest.mark.parametrize("scale", SCALES)
def test_ramp_stays_a_ramp_away_from_the_border(scale):
    ramp = np.arange(64.0)[:, None] + 10 * np.arange(48.0)
    resized = imresize(ramp, scale)
    row, column = ((np.arange(length) + 0.5) / scale - 0.5 for length in resized.shape)
    border = math.ceil(2 * max(scale, 1)) + 1
    inside = slice(border, -border)
    expected = row[:, None] + 10 * column
    np.testing.assert_allclose(resized[inside, inside], expected[inside, inside], rtol=1e-12)


@pytest.mark.parametrize("scale", SCALES)
def test_is_separable(scale):
    rows, columns = np.random.default_rng(0).random((2, 30))
    expected = np.outer(imresize(rows[:, None], scale)[:, 0], imresize(columns[None], scale)[0])
    np.testing.assert_allclose(imresize(np.outer(rows, columns), scale), expected, rtol=1e-9)


@pytest.mark.parametrize("scale", [2, 1 / 2, 1 / 3])
def test_uint8_is_rounded_after_each_pass(image, scale):
    def round_to_integers(values):
        return np.clip(np.floor(values + 0.5), 0, 255)

    # Resizing a column replicated to the resulting width leaves only the pass over rows, and the other way round.
    def rows(values):
        return np.stack([imresize(np.stack([column] * 6, 1), scale)[:, 0] for column in values.T], axis=1)

    once = round_to_integers(rows(image[..., 0].astype(float)))
    twice = round_to_integers(rows(once.T).T)
    np.testing.assert_array_equal(imresize(image[..., 0], scale), twice)


def test_uint8_is_clipped_and_floats_are_not():
    edge = np.zeros((16, 16), np.uint8)
    edge[:, 8:] = 255
    assert set(np.unique(imresize(edge, 4))) >= {0, 255}
    overshoot = imresize(edge.astype(np.float32), 4)
    assert overshoot.dtype == np.float32
    assert overshoot.min() < -5
    assert overshoot.max() > 260


@pytest.mark.parametrize(
    ("length", "scale", "resized_length"),
    [(10, 1 / 3, 4), (9, 1 / 3, 3), (25, 1.5, 38), (49, 1 / 49, 1), (3, 1 / 4, 1), (110, 1.1, 121), (1, 4, 4)],
)
def test_length_is_rounded_up_but_not_for_float_noise(length, scale, resized_length):
    assert imresize(np.zeros((length, length)), scale).shape == (resized_length, resized_length)


def test_tiny_image_is_mirrored_as_often_as_needed():
    np.testing.assert_allclose(imresize(np.array([[1.0, 3.0]]), 1 / 4), [[2.0]])


@pytest.mark.parametrize(
    ("image", "scale", "name"),
    [
        (np.zeros((8, 8), np.int32), 2, "image"),
        (np.zeros((1, 8, 8, 3)), 2, "image"),
        (np.zeros((0, 8)), 2, "image"),
        (np.zeros((8, 8)), math.nan, "scale"),
    ],
)
def test_refuses(image, scale, name):
    with pytest.raises(ValueError, match=f"`{name}`"):
        imresize(image, scale)
