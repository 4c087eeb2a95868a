import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiles import upscale_in_tiles

from keras_lisr.tiling.rows import Stream
from keras_lisr.tiling.tiles import bands_in_tiles, check_image, largest_tile, windows


def nearest(window):
    return window.repeat(3, axis=1).repeat(3, axis=2)


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 256, (37, 50, 3), dtype=np.uint8)


@given(st.integers(1, 90), st.integers(1, 100), st.integers(0, 9), st.booleans(), st.integers(1, 8))
def test_windows_cover_a_side_with_a_halo_at_every_cut(side, tile, halo, fixed, multiple):
    tile = tile * multiple if fixed else tile
    longest = max(multiple, tile) + 2 * halo
    side += longest if fixed else 0
    length, parts = windows(side, tile, halo, fixed, multiple)
    assert length == longest if fixed else length <= min(side, longest)
    assert not any(part.start % multiple for part in parts)
    cuts = [part.cut for part in parts] + [side]
    assert cuts[0] == 0
    for part, cut, next_cut in zip(parts, cuts, cuts[1:], strict=False):
        assert 0 <= part.start <= cut < next_cut <= part.start + length < side + multiple
        assert part.start == 0 or cut - part.start >= halo
        assert part.start + length >= side or part.start + length - next_cut >= halo


def test_windows_are_as_few_as_possible():
    assert len(windows(100, tile=20, halo=10)[1]) == 4
    assert len(windows(101, tile=20, halo=10)[1]) == 5
    assert windows(40, tile=20, halo=10) == (40, [(0, 0)])


@settings(max_examples=30, deadline=None)
@given(st.tuples(st.integers(1, 27), st.integers(1, 60)), st.integers(0, 5), st.booleans(), st.booleans())
def test_tiles_are_put_where_they_belong(image, tile, halo, fixed, blend):
    tile = tile[0], min(tile[1], 40) if fixed else tile[1]

    def upscale(window):
        assert not fixed or window.shape == (1, tile[0] + 2 * halo, tile[1] + 2 * halo, 3)
        return nearest(window)

    tiled = upscale_in_tiles(upscale, image, scale=3, tile=tile, halo=halo, fixed=fixed, blend=blend)
    np.testing.assert_array_equal(tiled, nearest(image[None])[0])


@pytest.mark.parametrize("blend", [False, True])
@pytest.mark.parametrize("tile", [1, 5, 16, 64])
def test_bands_need_few_rows_and_make_the_picture(image, tile, blend):
    """Also where a window is that much longer than its stride that a row fades three times and more."""
    random = np.random.default_rng(1)
    asked, made = [], []

    class Asked(Stream):
        def __getitem__(self, rows):
            asked.append(rows)
            assert len(self._held) <= tile + 8 + 1
            return super().__getitem__(rows)

    def upscale(window):
        return random.integers(0, 256, nearest(window).shape, np.uint8)

    for band in bands_in_tiles(
        upscale, Asked((row[None] for row in image), image.shape, np.uint8), scale=3, tile=tile, halo=4, blend=blend
    ):
        made.append(band.copy())
        band[:] = 0  # Who gets a band may do with it what he likes.
    assert len(made) == len(asked) == len(windows(len(image), tile, 4)[1])
    assert asked == sorted(asked, key=lambda rows: rows.start)
    random = np.random.default_rng(1)
    expected = tile_in_whole_result(upscale, image, scale=3, tile=tile, halo=4, blend=blend)
    np.testing.assert_array_equal(np.concatenate(made), expected)


def tile_in_whole_result(upscale, image, *, scale, tile, halo, blend):
    """Windows joined in full-sized arrays, without regard to memory."""

    def join(target, source, start, cut):
        fade = halo * scale if blend and cut else 0
        for row in range(cut - fade, start + len(source)):
            weight = np.float32(row - cut + fade + 0.5) / np.float32(2 * fade) if row < cut + fade else np.float32(1)
            target[row] = np.rint(target[row] * (1 - weight) + source[row - start] * weight)

    height, width, _ = image.shape
    window_height, rows = windows(height, tile, halo)
    window_width, columns = windows(width, tile, halo)
    result = np.empty((height * scale, width * scale, 3), np.uint8)
    for top, top_cut in rows:
        band = np.empty((window_height * scale, width * scale, 3), np.uint8)
        for left, left_cut in columns:
            window = upscale(image[None, top : top + window_height, left : left + window_width])[0]
            join(band.swapaxes(0, 1), window.swapaxes(0, 1), left * scale, left_cut * scale)
        join(result, band, top * scale, top_cut * scale)
    return result


def test_blending_goes_over_linearly_and_leaves_no_seam():
    def window_mean(window):
        return np.broadcast_to(window.mean(axis=(1, 2), keepdims=True), window.shape)

    image = np.linspace(0, 1, 64, dtype=np.float32)[None, :, None] * np.ones((48, 1, 3), np.float32)
    image += np.linspace(0, 1, 48, dtype=np.float32)[:, None, None]
    blended, cut = (
        upscale_in_tiles(window_mean, image, scale=1, tile=12, halo=4, blend=blend) for blend in (True, False)
    )
    for axis, step in ((0, 1 / 8), (1, 1 / 8)):
        seam = np.abs(np.diff(cut, axis=axis)).max()
        assert np.abs(np.diff(blended, axis=axis)).max() <= seam * step + 1e-6


def test_blended_bytes_are_rounded():
    values = iter([0, 255])

    def flat(window):
        return np.full(window.shape, next(values), np.uint8)

    blended = upscale_in_tiles(flat, np.zeros((4, 20, 3), np.uint8), scale=1, tile=6, halo=4, blend=True)
    assert blended[0, 6:14, 0].tolist() == [16, 48, 80, 112, 143, 175, 207, 239]


def test_progress_counts_windows(image):
    seen = []
    upscale_in_tiles(nearest, image, scale=3, tile=20, halo=2, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i, 6) for i in range(7)]


@pytest.mark.parametrize(("height", "width"), [(101, 100), (5000, 4000), (1, 10_001)])
def test_the_tile_is_the_largest_that_the_memory_allows(height, width):
    assert largest_tile(100**2 * 8, 8, 0, 10, height, width) == 80
    assert largest_tile(100**2 * 8 - 1, 8, 0, 10, height, width) == 79
    assert largest_tile(400, 1, 0, 10, height, width) < 1
    assert largest_tile(2**40, 8, 700, 10, height, width) == max(height, width)


@given(st.integers(1, 6000), st.integers(1, 6000), st.integers(0, 100_000), st.integers(0, 2**34))
def test_windows_and_bands_stay_within_a_memory(height, width, a_row, memory):
    tile = largest_tile(memory, 8, a_row, 10, height, width)
    window_height, window_width = (windows(side, max(1, tile), 10)[0] for side in (height, width))
    assert tile < 1 or window_height * (8 * window_width + a_row) <= memory


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 4, 3), np.float32), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8)]
)
def test_wrong_images_are_refused(image, wrong):
    check_image(image, 37)
    with pytest.raises(ValueError, match="`image`"):
        check_image(wrong)
    with pytest.raises(ValueError, match="`image`.* 38 pixels"):
        check_image(image, 38)
