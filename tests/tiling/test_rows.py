import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_lisr.tiling.rows import BAND, Stream, bands_of, join_bands, map_rows, tee_rows


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 256, (200, 5, 3), dtype=np.uint8)


def stream(image, lengths):
    cuts = np.cumsum([0, *lengths])
    return Stream((image[a:b] for a, b in zip(cuts, cuts[1:], strict=False)), image.shape, image.dtype)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 200)), st.lists(st.tuples(st.integers(0, 200), st.integers(0, 300))))
def test_a_stream_gives_the_rows_of_its_bands(image, cuts, slices):
    rows = stream(image, np.diff([0, *sorted(cuts), 200]))
    assert (rows.shape, rows.dtype) == (image.shape, image.dtype)
    for start, stop in sorted(slices):
        np.testing.assert_array_equal(rows[start:stop], image[start:stop])


def test_a_stream_asks_for_a_band_when_it_is_needed_and_lets_go_what_is_past(image):
    asked = []

    def bands():
        for start in range(0, 200, 10):
            asked.append(start)
            yield image[start : start + 10]

    rows = Stream(bands(), image.shape, image.dtype)
    assert not asked
    rows[0:10], rows[5:15]
    assert asked == [0, 10]
    rows[100:101]
    assert len(rows._held) == 1
    with pytest.raises(IndexError, match="`rows`"):
        rows[99:120]


def test_what_makes_the_bands_goes_as_soon_as_all_are_there(image):
    gone = []

    def bands():
        try:
            yield image[:120]
            yield image[120:]
        finally:
            gone.append(True)

    rows = Stream(bands(), image.shape, image.dtype)
    rows[0:100]
    assert not gone
    np.testing.assert_array_equal(rows[0:150], image[:150])
    assert gone
    np.testing.assert_array_equal(rows[100:200], image[100:])


def test_bands_are_the_rows_in_order_and_make_the_picture(image):
    assert [len(band) for band in bands_of(image)] == [BAND, BAND, BAND, 200 - 3 * BAND]
    np.testing.assert_array_equal(join_bands(bands_of(image), image.shape, image.dtype), image)


def test_something_is_done_to_every_pixel(image):
    inverted = map_rows(lambda band: 255 - band[..., :2], image, 2)
    assert inverted.shape == (200, 5, 2)
    np.testing.assert_array_equal(inverted[10:190], 255 - image[10:190, :, :2])


def test_copies_are_read_in_any_order(image):
    first, second = tee_rows(stream(image, [70, 130]), 2)
    assert (first.shape, first.dtype) == (second.shape, second.dtype) == (image.shape, image.dtype)
    np.testing.assert_array_equal(first[0:10], image[:10])
    np.testing.assert_array_equal(second[0:200], image)
    np.testing.assert_array_equal(first[10:200], image[10:])


def test_copies_hold_what_not_all_have_read_and_no_more():
    made = []

    def bands():
        for _ in range(20):
            band = np.zeros((BAND, 5, 3), np.uint8)
            made.append(weakref.ref(band))
            yield band
            del band

    def count_held():
        return sum(band() is not None for band in made)

    ahead, behind = tee_rows(Stream(bands(), (20 * BAND, 5, 3), np.uint8), 2)
    for start in range(0, 10 * BAND, BAND):
        ahead[start : start + BAND], behind[start : start + BAND]
        assert count_held() <= 2
    for start in range(10 * BAND, 20 * BAND, BAND):
        ahead[start : start + BAND]
    assert 10 <= count_held() <= 12
    behind[19 * BAND : 20 * BAND]
    assert count_held() <= 2
