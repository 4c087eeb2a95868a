import numpy as np
import pytest
import pyvips
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_files import one_by_one, random_pixels

from keras_lisr.pictures.vips import Feed, from_array, one_line, png_parts, to_array, to_rows
from keras_lisr.tiling.rows import Stream, bands_of

shapes = st.tuples(st.integers(1, 150), st.integers(1, 40), st.integers(1, 4))


@settings(deadline=None)
@given(shapes, st.sampled_from([np.uint8, np.uint16]))
def test_pixels_come_back(shape, dtype):
    pixels = random_pixels(shape, dtype)
    feed = Feed(png_parts(one_by_one(pixels)))
    for result in (to_array(from_array(pixels)), to_array(Feed(png_parts(pixels)).image()), to_array(feed.image())):
        assert result.dtype == dtype
        np.testing.assert_array_equal(result, pixels)
    feed = Feed(png_parts(one_by_one(pixels)))
    np.testing.assert_array_equal(np.concatenate(list(bands_of(to_rows(feed.image(), feed)))), pixels)


def test_what_fails_while_rows_are_made_is_raised():
    def bands():
        yield np.zeros((100, 8, 3), np.uint8)
        raise KeyError("of the network")

    feed = Feed(png_parts(Stream(bands(), (5000, 8, 3), np.uint8)))
    rows = to_rows(feed.image(), feed)
    with pytest.raises(KeyError, match="of the network"):
        list(bands_of(rows))


def test_errors_are_told_in_one_printable_line():
    assert one_line(ValueError("no\n  no\nyes\x1b")) == "no yes?"
    assert one_line(MemoryError()) == "MemoryError"
    assert one_line(OSError(28, "No space left")) == "No space left"


def test_libvips_may_quote_bytes_of_a_damaged_file(caplog):
    domain, message = (pyvips.ffi.new("char[]", text) for text in (b"VIPS", b"unknown chunk \xc0\xff"))
    pyvips._log_handler_callback(domain, pyvips.GLogLevelFlags.LEVEL_WARNING, message, pyvips.ffi.NULL)
    assert caplog.messages == ["VIPS: unknown chunk \ufffd\ufffd"]
