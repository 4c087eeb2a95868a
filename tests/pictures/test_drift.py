import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_lisr.pictures.drift import CELL, keep_colours
from keras_lisr.tiling.rows import bands_of, join_bands

sides = st.integers(1, 70)


def noise(shape, dtype=np.uint8, low=0, high=None):
    return np.random.default_rng(0).integers(low, high or np.iinfo(dtype).max + 1, shape, dtype)


def enlarge(pixels, scale):
    return pixels.repeat(scale, axis=0).repeat(scale, axis=1)


def correct(enlarged, pixels, scale):
    rows = keep_colours(enlarged, pixels, scale)
    return join_bands(bands_of(rows), rows.shape, rows.dtype)


@settings(deadline=None)
@given(sides, sides, st.integers(1, 4), st.integers(1, 4), st.sampled_from([np.uint8, np.uint16]))
def test_a_picture_that_does_not_drift_is_left_as_it_is(height, width, channels, scale, dtype):
    pixels = noise((height, width, channels), dtype)
    np.testing.assert_array_equal(correct(enlarge(pixels, scale), pixels, scale), enlarge(pixels, scale))


@settings(deadline=None)
@given(sides, sides, st.integers(1, 4), st.lists(st.integers(-20, 20), min_size=3, max_size=3))
def test_a_tint_goes_and_details_stay(height, width, scale, tint):
    pixels = noise((height, width, 3), low=60, high=190)
    details = enlarge(pixels, scale).astype(int)
    np.testing.assert_array_equal(correct((details + tint).astype(np.uint8), pixels, scale), details)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_flat_area_is_about_half_a_step_off_at_most(dtype):
    pixels = np.full((40, 50, 3), np.iinfo(dtype).max // 3, dtype)
    wavy = enlarge(pixels, 2) + noise((80, 100, 3), dtype, high=7)
    result = correct(wavy, pixels, 2).reshape(5, 16, 100, 3).mean(axis=(1, 2))
    assert np.abs(result - pixels[0, 0]).max() <= 0.7 < 2 < wavy.mean() - pixels[0, 0, 0]


def test_a_network_that_tints_one_side_leaves_no_seams():
    pixels = np.full((96, 96, 3), 100, np.uint8)
    ramp = np.linspace(0, 40, 192)[:, None, None].astype(np.uint8)
    result = correct(enlarge(pixels, 2) + ramp, pixels, 2).astype(float)
    inner = slice(2 * CELL, -2 * CELL)  # Beyond the centre of the last cell nothing is known.
    assert np.abs(result[inner] - 100).max() <= 1


def test_what_is_clipped_is_made_up_for():
    pixels = np.full((24, 32, 3), (0, 130, 252), np.uint8)
    tinted = (enlarge(pixels, 2) + np.random.default_rng(0).choice([-6, 0, 0, 1, 9], (48, 64, 3))).clip(0, 255)
    result = correct(tinted.astype(np.uint8), pixels, 2).reshape(3, 16, 4, 16, 3).mean(axis=(1, 3))
    assert np.abs(result - pixels[0, 0]).max() < 1 < np.abs(tinted.mean((0, 1)) - pixels[0, 0]).max()
