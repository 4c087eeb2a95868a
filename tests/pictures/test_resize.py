import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_files import one_by_one, random_pixels

from keras_lisr.pictures.resize import resize_rows
from keras_lisr.tiling.rows import bands_of

shapes = st.tuples(st.integers(1, 200), st.integers(1, 90), st.integers(1, 4))


def result_of(rows, *size):
    return np.concatenate(list(bands_of(resize_rows(rows, *size))))


@settings(deadline=None, max_examples=60)
@given(shapes, st.integers(1, 200), st.integers(1, 90), st.sampled_from([np.uint8, np.uint16]))
def test_any_size_is_exact_and_rows_are_enough(shape, height, width, dtype):
    pixels = random_pixels(shape, dtype)
    rows = resize_rows(one_by_one(pixels), height, width)
    assert (rows.shape, rows.dtype) == ((height, width, shape[2]), dtype)
    np.testing.assert_array_equal(np.concatenate(list(bands_of(rows))), result_of(pixels, height, width))


def test_more_than_8_bits_are_kept():
    ramp = np.linspace(20_000, 21_000, 256).astype(np.uint16)[None, :, None].repeat(8, axis=0)
    assert len(np.unique(result_of(ramp, 8, 192))) > 180


@pytest.mark.parametrize("channels", [2, 4])
def test_colours_that_cannot_be_seen_do_not_count(channels):
    pixels = random_pixels((64, 64, channels))
    pixels[..., -1] = 255
    pixels[:, 32:, -1] = 0
    pixels[:, :32, :-1] = 200
    result = result_of(pixels, 40, 40)
    seen = result[..., -1] > 8
    assert seen[:, :19].all() and not seen[:, 24:].any()
    assert np.abs(result[seen][:, :-1].astype(int) - 200).max() <= 8
    assert np.abs(result[:, :18, :-1].astype(int) - 200).max() <= 1
