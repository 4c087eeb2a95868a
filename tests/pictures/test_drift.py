import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_lisr.pictures.drift import CELL, interpolate, keep_colours, mean_cells
from keras_lisr.tiling.rows import Stream, bands_of, join_bands

sides = st.integers(1, 70)


def noise(shape, dtype=np.uint8, low=0, high=None):
    return np.random.default_rng(0).integers(low, high or np.iinfo(dtype).max + 1, shape, dtype)


def enlarge(pixels, scale):
    return pixels.repeat(scale, axis=0).repeat(scale, axis=1)


def corrected(enlarged, pixels, scale):
    rows = keep_colours(enlarged, pixels, scale)
    return join_bands(bands_of(rows), rows.shape, rows.dtype)


@settings(deadline=None)
@given(sides, sides, st.integers(1, 4), st.integers(1, 4), st.sampled_from([np.uint8, np.uint16]))
def test_a_picture_that_does_not_drift_is_left_as_it_is(height, width, channels, scale, dtype):
    pixels = noise((height, width, channels), dtype)
    np.testing.assert_array_equal(corrected(enlarge(pixels, scale), pixels, scale), enlarge(pixels, scale))


@settings(deadline=None)
@given(sides, sides, st.integers(1, 4), st.lists(st.integers(-20, 20), min_size=3, max_size=3))
def test_a_tint_goes_and_details_stay(height, width, scale, tint):
    pixels = noise((height, width, 3), low=60, high=190)
    details = enlarge(pixels, scale).astype(int)
    np.testing.assert_array_equal(corrected((details + tint).astype(np.uint8), pixels, scale), details)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_flat_area_is_about_half_a_step_off_at_most(dtype):
    pixels = np.full((40, 50, 3), np.iinfo(dtype).max // 3, dtype)
    wavy = enlarge(pixels, 2) + noise((80, 100, 3), dtype, high=7)
    result = mean_cells(corrected(wavy, pixels, 2), 2 * CELL)
    assert np.abs(mean_cells(wavy, 2 * CELL) - pixels[0, 0]).min() > 2
    assert np.abs(result - pixels[0, 0]).max() <= 0.7


def test_a_network_that_tints_one_side_leaves_no_seams():
    pixels = np.full((96, 96, 3), 100, np.uint8)
    ramp = np.linspace(0, 40, 192)[:, None, None].astype(np.uint8)
    result = corrected(enlarge(pixels, 2) + ramp, pixels, 2).astype(float)
    inner = slice(2 * CELL, -2 * CELL)  # Beyond the centre of the last cell nothing is known.
    assert np.abs(result[inner] - 100).max() <= 1


def test_black_and_white_are_not_left():
    pixels = np.zeros((16, 16, 1), np.uint8)
    pixels[:, 8:] = 255
    result = corrected(255 - enlarge(pixels, 2), pixels, 2)
    assert (result[:, :8] == 0).all() and (result[:, -8:] == 255).all()


def test_what_is_clipped_is_made_up_for():
    pixels = np.full((20, 37, 3), (0, 130, 252), np.uint8)
    tinted = (enlarge(pixels, 2) + np.random.default_rng(0).choice([-6, 0, 0, 1, 9], (40, 74, 3))).clip(0, 255)
    result = corrected(tinted.astype(np.uint8), pixels, 2)
    assert np.abs(mean_cells(result, 16) - pixels[0, 0]).max() < 1 < np.abs(tinted.mean((0, 1)) - pixels[0, 0]).max()


def test_bands_do_not_matter_nor_is_anything_changed():
    pixels, enlarged = noise((150, 30, 3)), noise((300, 60, 3))
    before = pixels.copy(), enlarged.copy()
    expected = corrected(enlarged, pixels, 2)
    by_row = [Stream((row[None] for row in rows), rows.shape, rows.dtype) for rows in (enlarged, pixels)]
    np.testing.assert_array_equal(corrected(*by_row, 2), expected)
    np.testing.assert_array_equal(pixels, before[0])
    np.testing.assert_array_equal(enlarged, before[1])


@given(sides, sides)
def test_means_are_those_of_whole_and_broken_cells(height, width):
    pixels = noise((height, width, 2), np.uint16)
    means = mean_cells(pixels, CELL)
    for row, column in np.ndindex(means.shape[:2]):
        cell = pixels[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL]
        np.testing.assert_allclose(means[row, column], cell.mean((0, 1)), rtol=1e-6)


def test_interpolation_is_linear_between_centres():
    cells = np.array([[[0.0]], [[8.0]]], np.float32)
    np.testing.assert_allclose(interpolate(cells, 16, 1, 8)[3:13, 0, 0], np.arange(-0.5, 9.5).clip(0, 8))
