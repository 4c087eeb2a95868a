"""Every mode in every format that holds it: what is read, and what is read again of what is written."""

import numpy as np
import pytest
from picture_files import SRGB, by_pillow, by_vips, exif_with, grey_of, rgba, to_cmyk
from PIL import Image, ImageCms
from PIL.ExifTags import Base

from keras_lisr.pictures import Picture, read_picture, write_picture
from keras_lisr.pictures.read import picture_size

LOSSY = {"jpg", "webp", "avif"}
HOLD_EXIF = {"png", "jpg", "webp", "tif", "avif"}
HOLD_DPI = {"png", "jpg", "tif", "bmp"}

# Mode: formats that hold it, channels and bits as which it is read there.
MATRIX = {
    "1": ({"png": (1, 8), "tif": (1, 8), "bmp": (1, 8)}),
    "L": ({"png": (1, 8), "jpg": (1, 8), "webp": (3, 8), "tif": (1, 8), "bmp": (1, 8), "avif": (1, 8), "gif": (1, 8)}),
    "LA": ({"png": (2, 8), "webp": (4, 8), "tif": (2, 8), "avif": (4, 8)}),
    "RGB": ({"png": (3, 8), "jpg": (3, 8), "webp": (3, 8), "tif": (3, 8), "bmp": (3, 8), "avif": (3, 8)}),
    "RGBA": ({"png": (4, 8), "webp": (4, 8), "tif": (4, 8), "avif": (4, 8)}),
    "opaque RGBA": ({"png": (4, 8), "tif": (4, 8)}),
    "P": ({"png": (3, 8), "tif": (3, 8), "bmp": (3, 8), "gif": (3, 8)}),
    "P with one transparent": ({"png": (4, 8), "gif": (4, 8)}),
    "P with transparency": ({"png": (4, 8)}),
    "grey P": ({"png": (1, 8), "tif": (1, 8), "gif": (1, 8)}),
    "L with one transparent": ({"png": (2, 8)}),
    "RGB with one transparent": ({"png": (4, 8)}),
    "CMYK": ({"jpg": (3, 8), "tif": (3, 8)}),
    "CMYK with profile": ({"jpg": (3, 8), "tif": (3, 8)}),
    "YCbCr": ({"jpg": (3, 8), "tif": (3, 8)}),
    "LAB": ({"tif": (3, 8)}),
    "RGB with P3 profile": ({"png": (3, 8), "jpg": (3, 8), "webp": (3, 8), "tif": (3, 8), "avif": (3, 8)}),
    "16-bit L": ({"png": (1, 16), "tif": (1, 16)}),
    "16-bit L with one transparent": ({"png": (2, 16)}),
    "16-bit LA": ({"png": (2, 16), "tif": (2, 16)}),
    "16-bit RGB": ({"png": (3, 16), "tif": (3, 16)}),
    "16-bit RGBA": ({"png": (4, 16), "tif": (4, 16)}),
    "dark 16-bit RGB": ({"png": (3, 16), "tif": (3, 16)}),
    "16-bit RGB with P3 profile": ({"png": (3, 16), "tif": (3, 16)}),
}
CASES = [(mode, suffix, *read_as) for mode, formats in MATRIX.items() for suffix, read_as in formats.items()]


@pytest.fixture
def make(colours, transparency, profiles):
    """Function that writes a mode to a file and returns what its pixels should be."""

    def make(path, mode, options):
        image = Image.fromarray(colours)
        transparent = rgba(colours, transparency)
        shade = grey_of(colours)
        p3 = {"icc_profile": profiles["p3"]}
        deep = (transparent * np.uint16(257)) ^ np.uint16(0x55)  # Low bytes of their own.
        palette = image.quantize(32)
        seen = np.array(palette.convert("RGB"))
        lab = (SRGB, ImageCms.createProfile("LAB"))
        profiled = options | {"icc_profile": profiles["cmyk"]}
        match mode:
            case "1":
                by_pillow(path, image.convert("1"), **options)
                return np.array(image.convert("1").convert("L"))
            case "L":
                by_pillow(path, image.convert("L"), **options)
                return shade
            case "LA":
                by_pillow(path, Image.fromarray(np.dstack([shade, transparency])), **options)
                return np.dstack([shade, transparency])
            case "RGB":
                by_pillow(path, image, **options)
                return colours
            case "RGBA":
                by_pillow(path, Image.fromarray(transparent), **options)
                return transparent
            case "opaque RGBA":
                by_pillow(path, image.convert("RGBA"), **options)
                return np.array(image.convert("RGBA"))
            case "P":
                by_pillow(path, palette, **options)
                return seen
            case "P with one transparent":
                by_pillow(path, palette, transparency=3, **options)
                return np.dstack([seen, 255 * (np.array(palette) != 3)])
            case "P with transparency":
                by_pillow(path, palette, transparency=bytes(range(0, 256, 8)), **options)
                return np.dstack([seen, np.array(palette) * 8])
            case "grey P":
                by_pillow(path, image.convert("L").quantize(32), **options)
                return np.array(image.convert("L").quantize(32).convert("L"))
            case "L with one transparent":
                by_pillow(path, image.convert("L"), transparency=int(shade[3, 4]), **options)
                return np.dstack([shade, 255 * (shade != shade[3, 4])])
            case "RGB with one transparent":
                by_pillow(path, image, transparency=tuple(map(int, colours[3, 4])), **options)
                return np.dstack([colours, 255 * (colours != colours[3, 4]).any(axis=2)])
            case "CMYK":
                by_pillow(path, to_cmyk(colours), **options)
                return colours
            case "CMYK with profile":
                muted = colours // 3 + 120  # Ink cannot show the others.
                by_pillow(path, to_cmyk(muted, profiles["cmyk"]), **profiled)
                return muted
            case "YCbCr":
                # Pillow 12 misreads it without compression.
                packed = {"compression": "tiff_lzw"} if path.suffix == ".tif" else {}
                by_pillow(path, image.convert("YCbCr"), **options | packed)
                return colours
            case "LAB":
                by_pillow(path, ImageCms.profileToProfile(image, *lab, outputMode="LAB"), **options)
                return colours
            case "RGB with P3 profile":
                by_pillow(path, image, **options | p3)
                return colours
            case "16-bit L":
                by_pillow(path, Image.fromarray(deep[..., 0]), **options)
                return deep[..., 0]
            case "16-bit L with one transparent":
                by_pillow(path, Image.fromarray(deep[..., 0]), transparency=int(deep[3, 4, 0]), **options)
                return np.dstack([deep[..., 0], 65535 * (deep[..., 0] != deep[3, 4, 0])])
            case "16-bit LA":
                by_vips(path, deep[..., [0, 3]], **options)
                return deep[..., [0, 3]]
            case "16-bit RGB":
                by_vips(path, deep[..., :3], **options)
                return deep[..., :3]
            case "16-bit RGBA":
                by_vips(path, deep, **options)
                return deep
            case "dark 16-bit RGB":  # Values give no hint of the depth.
                by_vips(path, deep[..., :3] >> 8, **options)
                return deep[..., :3] >> 8
            case "16-bit RGB with P3 profile":
                by_vips(path, deep[..., :3], **options | p3)
                return deep[..., :3]

    return make


@pytest.mark.parametrize(("mode", "suffix", "channels", "depth"), CASES)
def test_what_is_in_a_file_is_read_and_written(tmp_path, make, profiles, mode, suffix, channels, depth):
    file, again = tmp_path / f"in.{suffix}", tmp_path / f"out.{suffix}"
    options = {}
    if suffix in HOLD_EXIF:
        options["exif"] = exif_with(1).tobytes()
    if suffix in HOLD_DPI:
        options["dpi"] = (300, 150)
    if suffix in LOSSY:
        options["quality"] = 95
    expected = make(file, mode, options)
    picture = read_picture(file)

    header = picture_size(file)
    height, width = expected.shape[:2]
    assert header[:5] == (height, width, channels, depth, 1)
    assert picture.pixels.shape == (height, width, channels)
    assert picture.depth == depth
    assert picture.pixels.dtype == (np.uint8 if depth == 8 else np.uint16)

    expected = expected.reshape(height, width, -1)
    if channels > expected.shape[2]:  # WebP and AVIF have no grey.
        expected = expected[..., [0, 0, 0, 1]] if channels == 4 else expected[..., [0, 0, 0]]
    # Where everything is transparent, lossy formats keep no colours.
    seen = expected[..., -1:] > 0 if channels in (2, 4) else np.ones((height, width, 1), bool)
    difference = np.abs(picture.pixels.astype(int) - expected) * seen
    most = {"CMYK with profile": 10, "YCbCr": 3, "LAB": 20}.get(mode, 0)  # They have other steps than RGB.
    assert difference.max() <= (24 if suffix in LOSSY else most)
    assert difference.mean() <= (2.5 if suffix in LOSSY or most else 0)

    if suffix in HOLD_EXIF:
        libvips_made_it = suffix == "tif" and depth == 16 and channels > 1  # It writes no EXIF into a TIFF.
        assert make_of(picture) == (None if libvips_made_it else "maker")
    if suffix in HOLD_DPI:
        assert picture.metadata.dpi == pytest.approx((300, 150), abs=0.02)
    assert picture.metadata.icc_profile == (profiles["p3"] if "P3" in mode else b"")

    write_picture(picture, again)
    result = read_picture(again)
    assert result.pixels.shape == picture.pixels.shape
    difference = np.abs(result.pixels.astype(int) - picture.pixels) * seen
    if suffix == "gif":
        assert difference.mean() <= 1
    else:
        assert difference.max() <= (30 if suffix in LOSSY else 0)
    assert make_of(result) == make_of(picture)
    assert result.metadata.icc_profile == picture.metadata.icc_profile
    assert result.metadata.xmp == picture.metadata.xmp
    assert result.metadata.dpi == pytest.approx(picture.metadata.dpi, abs=0.02)


def make_of(picture: Picture):
    exif = Image.Exif()
    exif.load(picture.metadata.exif)
    return exif.get(Base.Make)


def test_floating_point_and_32_bits_are_refused(tmp_path, colours):
    import pyvips

    for kind, values in (("L", np.float32), ("RGB", np.float32), ("L", np.int32), ("RGB", np.uint32), ("L", np.int16)):
        pixels = (colours if kind == "RGB" else colours[..., 0]).astype(values)
        file = tmp_path / f"{kind}_{values.__name__}.tif"
        pyvips.Image.new_from_array(pixels).tiffsave(str(file))
        for read in (read_picture, picture_size):
            with pytest.raises(ValueError, match=r"\(its values .*8 (and|or) 16 bits can be read\)$"):
                read(file)
