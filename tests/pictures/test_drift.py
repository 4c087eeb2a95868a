import numpy as np
import pytest
from picture_files import upscaled
from reference import picture

from keras_lisr.pictures import drift
from keras_lisr.pictures.drift import CELL, without_drift, working_memory
from keras_lisr.runtime.rows import Stream, bands_of


def enlarged_by(scale, shift=0.0):
    """A network that repeats pixels, and adds steps of 8 bits to each."""

    def network(pixels):
        white = np.iinfo(pixels.dtype).max
        values = pixels.repeat(scale, 0).repeat(scale, 1) + np.rint(np.multiply(shift, white / 255)).astype(int)
        return values.clip(0, white).astype(pixels.dtype)

    return network


def photograph(height, width, dtype=np.uint8):
    """Something smooth, away from black and white."""
    white = np.iinfo(dtype).max
    return np.rint((0.2 + 0.6 * picture(height, width, 3)) * white).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("scale", [2, 3])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 30), (8, 8), (70, 41), (129, 64)])
def test_what_was_added_everywhere_is_taken_away(height, width, scale, dtype):
    pixels = photograph(height, width, dtype)
    result = upscaled(enlarged_by(scale, [3, -2, 1]), pixels)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, enlarged_by(scale)(pixels))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_details_stay(dtype):
    pixels, random = photograph(64, 48, dtype), np.random.default_rng(0)
    noise = random.normal(0, 10, (2 * 64 // 4, 4, 2 * 48 // 4, 4, 3))
    noise -= noise.mean((1, 3), keepdims=True)  # No drift.
    detailed = enlarged_by(2, noise.reshape(128, 96, 3))(pixels)
    assert np.ptp(detailed.astype(int) - enlarged_by(2)(pixels)) > 40 * np.iinfo(dtype).max / 255
    np.testing.assert_array_equal(upscaled(lambda _: detailed, pixels), detailed)


@pytest.mark.parametrize("colour", [(0, 0, 255), (255, 255, 255), (0, 0, 0), (3, 130, 252)])
def test_what_is_clipped_is_made_up_for(colour):
    pixels = np.full((20, 37, 3), colour, np.uint8)
    random = np.random.default_rng(0)
    tinted = enlarged_by(2, random.choice([-6, 0, 0, 1, 9], (40, 74, 3)))(pixels)
    drifts = [np.abs(cells(result) - colour).max() for result in (tinted, upscaled(lambda _: tinted, pixels))]
    assert drifts[0] > 1 and drifts[1] < 0.5


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("height", "width"), [(3, 5), (7, 9), (10, 10), (64, 61)])
def test_graphics_of_any_size_keep_their_mean(height, width, dtype):
    random, white = np.random.default_rng(0), np.iinfo(dtype).max
    pixels = np.where(random.random((height, width, 3)) < 0.05, 0, white).astype(dtype)
    enlarged = pixels.repeat(2, 0).repeat(2, 1)
    thicker = np.minimum(enlarged, np.roll(enlarged, 1, axis=1)) // 2  # Nothing is white any more.
    result = upscaled(lambda _: thicker, pixels)
    assert np.abs(thicker.mean((0, 1)) - pixels.mean((0, 1))).max() > 100 * white / 255
    assert np.abs(result.mean((0, 1)) - pixels.mean((0, 1))).max() < 0.5 * white / 255


def cells(result):
    """Means of 16 x 16 pixels that lie wholly in a result of 40 x 74."""
    return result[:32, :64].reshape(2, 16, 4, 16, 3).mean((1, 3))


def test_there_are_no_seams_between_cells_and_bands():
    pixels = np.full((96, 96, 3), 100, np.uint8)
    ramp = np.linspace(0, 40, 192)[:, None, None]
    result = upscaled(enlarged_by(2, ramp), pixels).astype(float)
    inner = slice(2 * CELL, -2 * CELL)  # Beyond the centre of the last cell nothing is known.
    assert np.abs(result[inner] - 100).max() <= 1
    assert np.abs(np.diff(result, axis=0)).max() <= 1


def test_neither_the_bands_that_come_nor_the_picture_below_matters():
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (150, 30, 3), dtype=np.uint8)
    enlarged = random.integers(0, 256, (300, 60, 3), dtype=np.uint8)
    expected = upscaled(lambda _: enlarged, pixels)
    by_row = [Stream((row[None] for row in rows), rows.shape, rows.dtype) for rows in (enlarged, pixels)]
    np.testing.assert_array_equal(np.concatenate(list(bands_of(without_drift(*by_row, 2)))), expected)
    above = upscaled(lambda _: enlarged[:200], pixels[:100])
    np.testing.assert_array_equal(above[:128], expected[:128])


def test_neither_picture_is_changed():
    pixels = photograph(20, 20)
    tinted = enlarged_by(2, 5)(pixels)
    before = pixels.copy(), tinted.copy()
    assert (upscaled(lambda _: tinted, pixels) != tinted).any()
    np.testing.assert_array_equal(pixels, before[0])
    np.testing.assert_array_equal(tinted, before[1])


def test_cells_that_all_drift_a_little_do_not_add_up():
    """Less than half a step is left alone in one cell, and not in sixteen."""
    pixels = np.full((16, 256, 3), 100, np.uint8)
    less = np.zeros((32, 512, 3), int)
    less[::3, :, 1] = -1  # A third of a step.
    tinted = enlarged_by(2, less)(pixels)
    result = upscaled(lambda _: tinted, pixels).astype(float)
    assert np.abs(result.mean((0, 1)) - 100).max() < 0.15 < 100 - tinted[..., 1].mean()
    assert np.abs(result - 100).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colours_count_as_far_as_they_are_seen(dtype):
    white = np.iinfo(dtype).max
    pixels = np.full((24, 24, 4), white // 2, dtype)
    pixels[..., 3] = np.linspace(0, white, 24)
    tinted = enlarged_by(2, [4, -4, 4, 0])(pixels)
    result = upscaled(lambda _: tinted, pixels)
    np.testing.assert_array_equal(result[..., 3], tinted[..., 3])
    seen = [(values[..., :3] / white * (values[..., 3:] / white)).mean((0, 1)) for values in (result, pixels)]
    assert np.abs(np.subtract(*seen)).max() < 0.15 / 255


def test_memory_is_no_more_than_said_and_hardly_less():
    shares = [
        share_of_memory(dtype, scale, channels, contrast)
        for dtype in (np.uint8, np.uint16)
        for scale in (2, 4, 9)
        for channels in (1, 3, 4)
        for contrast in ("smooth", "clipped", "noise")
    ]
    assert 0.8 < max(shares) < 1


def share_of_memory(dtype, scale, channels, contrast):
    """How much of what is said the correction of a strip takes."""
    import tracemalloc

    white = np.iinfo(dtype).max
    shape = drift.band_height(scale) + 2 * CELL, 2000, channels
    pixels = np.full(shape, white // 2, dtype)
    if contrast == "noise":
        pixels = np.random.default_rng(0).integers(0, white + 1, shape, dtype)
    tinted = enlarged_by(scale, 5)(pixels)  # Every cell is shifted,
    if contrast == "clipped":
        tinted = np.where(tinted % 2, 0, white).astype(dtype)  # or levelled.
    correct = drift.corrected_as_seen if channels == 4 else drift.corrected
    tracemalloc.start()
    try:
        correct(tinted, pixels, scale)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # The strip was given, and so not traced.
    return (peak + tinted.nbytes) / working_memory(tinted[0].nbytes, scale)
