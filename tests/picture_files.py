"""Files as other programs make them, for the tests of reading."""

import io
import struct
import zlib

import numpy as np
import pyvips
from PIL import Image, ImageCms
from PIL.ExifTags import Base

from keras_lisr.pictures import Picture, read_picture, write_picture
from keras_lisr.pictures.drift import keep_colours
from keras_lisr.tiling.rows import Stream, bands_of, join_bands

SRGB = ImageCms.createProfile("sRGB")


def rgba(colours, transparency):
    return np.dstack([colours, transparency])


def grey_of(colours):
    return np.array(Image.fromarray(colours).convert("L"))


def by_pillow(path, image, **options):
    image.save(path, **options)


def by_vips(path, pixels, **options):
    """Saves 16 bits, with what Pillow's names say of the metadata."""
    image = pyvips.Image.new_from_array(pixels)
    image = image.copy(interpretation="grey16" if image.bands <= 2 else "rgb16")
    if "dpi" in options:
        image = image.copy(xres=options["dpi"][0] / 25.4, yres=options["dpi"][1] / 25.4)
    for name, field in (("exif", "exif-data"), ("icc_profile", "icc-profile-data")):
        if options.get(name):
            image.set_type(pyvips.GValue.blob_type, field, options[name])
    if str(path).endswith(".png"):
        image.pngsave(str(path))
    else:
        image.tiffsave(str(path), compression="lzw", resunit="inch")


def to_cmyk(colours, profile=None):
    """CMYK, naively or through a profile."""
    image = Image.fromarray(colours)
    if profile is None:
        return image.convert("CMYK")
    target = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    return ImageCms.profileToProfile(image, SRGB, target, intent, outputMode="CMYK", flags=flags)


def exif_with(orientation):
    exif = Image.Exif()
    exif[Base.Orientation] = orientation
    exif[Base.Make] = "maker"
    return exif


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def random_pixels(shape, dtype=np.uint8):
    """The same ones every time."""
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape, dtype)


def one_by_one(pixels):
    """Pixels of which each row comes alone."""
    return Stream((row[None] for row in pixels), pixels.shape, pixels.dtype)


def noise(path, height, width, channels=3):
    """Writes a picture of random bytes, the same ones every time."""
    write_picture(Picture(random_pixels((height, width, channels))), path)


def pixels(path):
    """What a file holds, without its metadata."""
    return read_picture(path).pixels


def enlarge(network, array, times=1):
    """What a network makes of pixels, again and again, when its colours are kept."""
    enlarged = network(array if times == 1 else enlarge(network, array, times - 1))
    rows = keep_colours(enlarged, array, len(enlarged) // len(array))
    return join_bands(bands_of(rows), rows.shape, rows.dtype)
