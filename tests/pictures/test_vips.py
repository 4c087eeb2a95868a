import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from keras_lisr.pictures.vips import Feed, from_array, from_rows, one_line, png_parts, to_array, to_rows
from keras_lisr.tiling.rows import Stream, bands_of

shapes = st.tuples(st.integers(1, 150), st.integers(1, 40), st.integers(1, 4))


def noise(shape, dtype):
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape, dtype)


def one_by_one(pixels):
    return Stream((row[None] for row in pixels), pixels.shape, pixels.dtype)


@settings(deadline=None)
@given(shapes, st.sampled_from([np.uint8, np.uint16]))
def test_pixels_come_back(shape, dtype):
    pixels = noise(shape, dtype)
    feed = from_rows(one_by_one(pixels))
    for result in (to_array(from_array(pixels)), to_array(from_rows(pixels).image()), to_array(feed.image())):
        assert result.dtype == dtype
        np.testing.assert_array_equal(result, pixels)
    feed = from_rows(one_by_one(pixels))
    np.testing.assert_array_equal(np.concatenate(list(bands_of(to_rows(feed.image(), feed)))), pixels)


def test_the_stream_is_a_png():
    pixels = noise((70, 9, 3), np.uint8)
    np.testing.assert_array_equal(np.array(Image.open(io.BytesIO(b"".join(png_parts(pixels))))), pixels)


def test_very_wide_rows_go_through():
    pixels = noise((2, 1_500_000, 1), np.uint8)
    np.testing.assert_array_equal(to_array(from_rows(pixels).image()), pixels)


def test_what_fails_while_rows_are_made_is_raised():
    def bands():
        yield np.zeros((100, 8, 3), np.uint8)
        raise KeyError("of the network")

    feed = from_rows(Stream(bands(), (5000, 8, 3), np.uint8))
    rows = to_rows(feed.image(), feed)
    with pytest.raises(KeyError, match="of the network"):
        list(bands_of(rows))


def test_what_ends_too_soon_is_an_error():
    import pyvips

    parts = list(png_parts(np.zeros((3000, 8, 3), np.uint8)))
    feed = Feed(iter(parts[:5]))
    with pytest.raises(pyvips.Error):
        list(bands_of(to_rows(feed.image(), feed)))


def test_errors_are_told_in_one_printable_line():
    assert one_line(ValueError("no\n  no\nyes\x1b")) == "no yes?"
    assert one_line(MemoryError()) == "MemoryError"
    assert one_line(OSError(28, "No space left")) == "No space left"
