"""Every mode in every format that holds it: what is read, and what is read again of what is written."""

import numpy as np
import pytest
import pyvips
from picture_files import by_pillow, by_vips, exif_with, grey_of, rgba, to_cmyk
from PIL import Image

from keras_lisr.pictures import read_picture, write_picture
from keras_lisr.pictures.read import picture_size, read_strips
from keras_lisr.tiling.rows import bands_of

LOSSY = {"jpg", "webp", "avif"}
HOLD_EXIF = {"png", "jpg", "webp", "avif"}

# Mode: formats that hold it, channels and bits as which it is read there.
MATRIX = {
    "1": {"png": (1, 8), "tif": (1, 8)},
    "L": {"png": (1, 8), "jpg": (1, 8), "webp": (3, 8), "tif": (1, 8), "avif": (3, 8), "gif": (3, 8)},
    "LA": {"png": (2, 8), "webp": (4, 8), "tif": (2, 8), "avif": (4, 8)},
    "RGB": {"png": (3, 8), "jpg": (3, 8), "webp": (3, 8), "tif": (3, 8), "avif": (3, 8)},
    "RGBA": {"png": (4, 8), "webp": (4, 8), "tif": (4, 8), "avif": (4, 8)},
    "P": {"png": (3, 8), "tif": (3, 8), "gif": (3, 8)},
    "P with one transparent": {"png": (4, 8), "gif": (4, 8)},
    "P with transparency": {"png": (4, 8)},
    "CMYK with profile": {"jpg": (3, 8), "tif": (3, 8)},
    "RGB with P3 profile": {"png": (3, 8), "jpg": (3, 8), "webp": (3, 8), "tif": (3, 8), "avif": (3, 8)},
    "16-bit L": {"png": (1, 16), "tif": (1, 16)},
    "16-bit LA": {"png": (2, 16), "tif": (2, 16)},
    "16-bit RGB": {"png": (3, 16), "tif": (3, 16)},
    "16-bit RGBA": {"png": (4, 16), "tif": (4, 16)},
    "dark 16-bit RGB": {"png": (3, 16), "tif": (3, 16)},
    "16-bit RGB with P3 profile": {"png": (3, 16), "tif": (3, 16)},
}
CASES = [(mode, suffix, *read_as) for mode, formats in MATRIX.items() for suffix, read_as in formats.items()]


@pytest.fixture
def make(colours, transparency, profiles):
    """Function that writes a mode to a file and returns what its pixels should be."""
    image = Image.fromarray(colours)
    transparent = rgba(colours, transparency)
    shade = grey_of(colours)
    deep = (transparent * np.uint16(257)) ^ np.uint16(0x55)  # Low bytes of their own.
    palette = image.quantize(32)
    seen = np.array(palette.convert("RGB"))
    muted = colours // 3 + 120  # Ink cannot show the others.
    by_mode = {
        "1": (image.convert("1"), {}, np.array(image.convert("1").convert("L"))),
        "L": (image.convert("L"), {}, shade),
        "LA": (Image.fromarray(np.dstack([shade, transparency])), {}, np.dstack([shade, transparency])),
        "RGB": (image, {}, colours),
        "RGBA": (Image.fromarray(transparent), {}, transparent),
        "P": (palette, {}, seen),
        "P with one transparent": (palette, {"transparency": 3}, np.dstack([seen, 255 * (np.array(palette) != 3)])),
        "P with transparency": (
            palette,
            {"transparency": bytes(range(0, 256, 8))},
            np.dstack([seen, np.array(palette) * 8]),
        ),
        "CMYK with profile": (to_cmyk(muted, profiles["cmyk"]), {"icc_profile": profiles["cmyk"]}, muted),
        "RGB with P3 profile": (image, {"icc_profile": profiles["p3"]}, colours),
        "16-bit L": (Image.fromarray(deep[..., 0]), {}, deep[..., 0]),
        "16-bit LA": (deep[..., [0, 3]], {}, deep[..., [0, 3]]),
        "16-bit RGB": (deep[..., :3], {}, deep[..., :3]),
        "16-bit RGBA": (deep, {}, deep),
        "dark 16-bit RGB": (deep[..., :3] >> 8, {}, deep[..., :3] >> 8),  # Values give no hint of the depth.
        "16-bit RGB with P3 profile": (deep[..., :3], {"icc_profile": profiles["p3"]}, deep[..., :3]),
    }

    def make(path, mode, options):
        source, more, expected = by_mode[mode]
        (by_vips if isinstance(source, np.ndarray) else by_pillow)(path, source, **options | more)
        return expected

    return make


@pytest.mark.parametrize(("mode", "suffix", "channels", "depth"), CASES)
def test_what_is_in_a_file_is_read_and_written(tmp_path, make, profiles, mode, suffix, channels, depth):
    file, again = tmp_path / f"in.{suffix}", tmp_path / f"out.{suffix}"
    options = {"exif": exif_with(1).tobytes()} if suffix in HOLD_EXIF else {}
    if suffix in LOSSY:
        options["quality"] = 95
    expected = make(file, mode, options)
    picture = read_picture(file)

    height, width = expected.shape[:2]
    assert picture_size(file)[:5] == (height, width, channels, depth, 1)
    assert picture.pixels.shape == (height, width, channels)
    assert 8 * picture.pixels.itemsize == depth
    rows, metadata = read_strips(file)
    np.testing.assert_array_equal(np.concatenate(list(bands_of(rows))), picture.pixels)
    assert metadata == picture.metadata

    expected = expected.reshape(height, width, -1)
    if channels >= 3 > expected.shape[2]:  # WebP, AVIF and GIF have no grey.
        expected = expected[..., [0, 0, 0, 1] if channels == 4 else [0, 0, 0]]
    # Where everything is transparent, lossy formats keep no colours.
    seen = expected[..., -1:] > 0 if channels in (2, 4) else np.ones((height, width, 1), bool)
    difference = np.abs(picture.pixels.astype(int) - expected) * seen
    most = 10 if "CMYK" in mode else 0  # It has other steps than RGB.
    assert difference.max() <= (24 if suffix in LOSSY else most)
    assert difference.mean() <= (3 if suffix in LOSSY or most else 0)
    assert picture.metadata.icc_profile == (profiles["p3"] if "P3" in mode else b"")
    assert ("exif-data" in picture.metadata.fields) is ("exif" in options)

    write_picture(picture, again)
    result = read_picture(again)
    assert result.pixels.dtype == picture.pixels.dtype
    difference = np.abs(result.pixels[..., :channels].astype(int) - picture.pixels) * seen
    assert difference.mean() <= 1 if suffix == "gif" else difference.max() <= (30 if suffix in LOSSY else 0)
    assert result.metadata.icc_profile == picture.metadata.icc_profile


@pytest.mark.parametrize("depth", [10, 12])
def test_10_and_12_bits_of_avif_become_16(tmp_path, colours, depth):
    deep = pyvips.Image.new_from_array(colours.astype(np.uint16) * 257).copy(interpretation="rgb16")
    deep.heifsave(str(tmp_path / "a.avif"), compression="av1", bitdepth=depth, Q=95, subsample_mode="off")
    picture = read_picture(tmp_path / "a.avif")
    assert picture.pixels.dtype == np.uint16
    assert np.abs(picture.pixels / 257 - colours).mean() < 2


def test_cmyk_without_a_profile_goes_through_that_of_libvips(tmp_path, colours):
    muted = colours // 3 + 120
    by_pillow(tmp_path / "a.jpg", to_cmyk(muted), quality=95)
    picture = read_picture(tmp_path / "a.jpg")
    assert picture.pixels.shape == colours.shape and not picture.metadata.icc_profile
    assert np.abs(picture.pixels.astype(int) - muted).mean() < 40


@pytest.mark.parametrize(("kind", "values"), [("L", "f4"), ("RGB", "f4"), ("L", "i4"), ("RGB", "u4"), ("L", "i2")])
def test_floating_point_signed_values_and_32_bits_are_refused(tmp_path, colours, kind, values):
    pixels = (colours if kind == "RGB" else colours[..., 0]).astype(values)
    pyvips.Image.new_from_array(pixels).tiffsave(str(tmp_path / "a.tif"))
    for read in (read_picture, picture_size):
        with pytest.raises(ValueError, match="`file`"):
            read(tmp_path / "a.tif")


def test_ycbcr_that_libvips_would_take_for_rgb_is_refused(tmp_path, colours):
    Image.fromarray(colours).convert("YCbCr").save(tmp_path / "a.tif", compression="tiff_lzw")
    with pytest.raises(ValueError, match="`file`.*YCbCr"):
        read_picture(tmp_path / "a.tif")
