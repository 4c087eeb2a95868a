import numpy as np
import pytest
from picture_files import mirrored_by_pillow
from PIL import Image

from keras_lisr.pictures.resize import bicubic, resized
from keras_lisr.runtime.rows import BAND, Stream, bands_of


@pytest.fixture
def random():
    return np.random.default_rng(0)


def one_by_one(pixels):
    return Stream((row[None] for row in pixels), pixels.shape, pixels.dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("height", "width"), [(150, 60), (75, 31), (301, 41), (1, 1), (7, 200), (299, 61), (100, 100), (900, 5)]
)
def test_bands_give_what_pillow_makes_of_the_whole_picture(random, dtype, channels, height, width):
    white = np.iinfo(dtype).max
    pixels = random.integers(white // 4, white // 4 * 3, (300, 60, channels), dtype)  # Nothing is clipped.
    rows = resized(one_by_one(pixels), height, width)
    assert (rows.shape, rows.dtype) == ((height, width, channels), dtype)
    result = np.concatenate(list(bands_of(rows)))
    expected = mirrored_by_pillow(pixels, height, width)
    if height <= BAND:
        expected += pixels.mean((0, 1)) - expected.mean((0, 1))
    assert np.abs(result - expected).max() <= 0.5 + 1e-5 * white


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_what_is_clipped_beside_edges_is_made_up_for(random, dtype, channels):
    white = np.iinfo(dtype).max
    pixels = np.full((120, 150, channels), white, dtype)
    pixels[random.random((120, 150)) < 0.05] = 0  # Thin strokes on paper.
    pixels = pixels.repeat(3, 0).repeat(3, 1)
    expected = mirrored_by_pillow(pixels[..., -1:], 160, 200).clip(0, white).mean() / white
    result = np.concatenate(list(bands_of(resized(pixels, 160, 200))))[..., -1].mean() / white
    mean = pixels[..., -1].mean() / white
    assert abs(expected - mean) > 1 / 255 and abs(result - mean) < 0.5 / 255


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("height", "width"), [(64, 64), (33, 200), (5, 9)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_means_stay_whatever_is_at_the_border(random, dtype, height, width, channels):
    """Pillow's filter ends at the border, and what is there counts more than the rest."""
    white = np.iinfo(dtype).max
    pixels = np.full((2 * height, 2 * width, channels), white // 4 * 3, dtype)
    pixels[0], pixels[:, -2:] = white // 4, white // 3
    result = np.concatenate(list(bands_of(resized(pixels, height * 3 // 2, width * 3 // 2))))
    means = [(values / white).mean((0, 1)) if channels != 4 else as_seen(values / white) for values in (result, pixels)]
    assert np.abs(means[0] - means[1]).max() < 0.2 / 255


def test_what_no_pixel_can_have_is_had_from_those_beside():
    """A dot at the border of a cell: the filter's overshoot is in the next one, which is white."""
    pixels = np.full((2, 24, 1), 255, np.uint8)
    pixels[:, 8:10] = 0
    assert abs(resized(pixels, 2, 18)[0:2].mean() - pixels.mean()) < 0.1


@pytest.mark.parametrize(
    ("height", "width", "period", "on", "scale"),
    [(64, 64, 17, 8, 0.95), (400, 120, 18, 1, 0.9), (33, 40, 13, 1, 0.95), (120, 400, 8, 1, 0.4)],
)
@pytest.mark.parametrize("axis", [0, 1])
def test_stripes_keep_their_mean(height, width, period, on, scale, axis):
    """The overshoot of one lies in a row of cells where all is black, or all is white."""
    lies_on = np.indices((height, width))[axis] % period < on
    pixels = np.where(lies_on, 255, 0).astype(np.uint8)[..., None]
    size = round(height * scale), round(width * scale)
    assert abs(resized(pixels, *size)[0 : size[0]].mean() - pixels.mean()) < 0.4


def as_seen(values):
    """Means of colours, times alpha."""
    return (values[..., :-1] * values[..., -1:]).mean((0, 1))


def test_a_picture_in_an_array_gives_the_same_bytes(random):
    pixels = random.integers(0, 2**16, (300, 60, 4), np.uint16)
    np.testing.assert_array_equal(resized(pixels, 133, 71)[0:133], resized(one_by_one(pixels), 133, 71)[0:133])


def test_flat_pictures_stay_flat():
    pixels = np.full((101, 53, 4), 65_535, np.uint16)
    pixels[..., 1] = 257
    for size in ((50, 20), (333, 111)):
        result = resized(pixels, *size)[0 : size[0]]
        assert (result == [65_535, 257, 65_535, 65_535]).all()


def test_more_than_8_bits_are_kept():
    ramp = np.linspace(20_000, 21_000, 256).astype(np.uint16)[None, :, None].repeat(8, axis=0)
    result = resized(ramp, 8, 192)[0:8]
    assert len(np.unique(result)) > 180
    assert np.abs(result[:, 5:-5] - mirrored_by_pillow(ramp, 8, 192)[:, 5:-5]).max() <= 0.51


@pytest.mark.parametrize("channels", [2, 4])
def test_colours_that_cannot_be_seen_do_not_count(random, channels):
    pixels = random.integers(0, 256, (64, 64, channels), np.uint8)
    pixels[..., -1] = 255
    pixels[:, 32:, -1] = 0
    pixels[:, :32, :-1] = 200
    result = resized(pixels, 40, 40)[0:40]
    seen = result[..., -1] > 0
    assert seen[:, :20].all() and not seen[:, 24:].any()
    assert np.abs(result[seen][:, :-1].astype(int) - 200).max() <= 1


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_bands_are_the_whole_picture_of_pillow(random, scale):
    pixels = random.integers(0, 256, (300, 290, 1), np.uint8)
    rows = bicubic(one_by_one(pixels), scale)
    assert rows.shape == (300 * scale, 290 * scale, 1)
    image = Image.fromarray(pixels[..., 0].astype(np.float32))
    expected = np.array(image.resize((290 * scale, 300 * scale), Image.Resampling.BICUBIC)).clip(0, 255)
    difference = np.abs(np.concatenate(list(bands_of(rows)))[..., 0] - expected)
    assert difference.max() <= 0.5 + 1e-4
