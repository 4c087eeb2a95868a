"""Files as other programs make them, for the tests of reading."""

import io
import struct
import zlib

import numpy as np
import pyvips
from PIL import Image, ImageCms
from PIL.ExifTags import Base

from keras_lisr.pictures import Picture, read_picture, write_picture
from keras_lisr.pictures.drift import CELL, RUN, without_drift
from keras_lisr.runtime.rows import bands_of, whole

SRGB = ImageCms.createProfile("sRGB")


def rgba(colours, transparency):
    return np.dstack([colours, transparency])


def grey_of(colours):
    return np.array(Image.fromarray(colours).convert("L"))


def by_pillow(path, image, **options):
    image.save(path, **options)


def tiff_with_tags_first(pixels, make=b"Camera\0"):
    """Grey with alpha of 16 bits in a TIFF as most programs write it, and libvips does not: its tags come first."""
    height, width, channels = pixels.shape
    short, long, text = 3, 4, 2
    values = 8 + 2 + 11 * 12 + 4  # Where those are that need more than four bytes.
    entries = (
        *((256, short, 1, width), (257, short, 1, height), (258, short, channels, 16 | 16 << 16), (259, short, 1, 1)),
        *((262, short, 1, 1), (271, text, len(make), values), (273, long, 1, values + len(make))),
        *((277, short, 1, channels), (278, short, 1, height), (279, long, 1, pixels.nbytes), (338, short, 1, 2)),
    )
    tags = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + tags + bytes(4) + make + pixels.astype("<u2").tobytes()


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


def noise(path, height, width, channels=3):
    """Writes a picture of random bytes, the same ones every time."""
    shape = (height, width, channels)
    write_picture(Picture(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)), path)


def pixels(path):
    """What a file holds, without its metadata."""
    return read_picture(path).pixels


def mirrored_by_pillow(pixels, height, width, resample=Image.Resampling.LANCZOS):
    """What Pillow makes of the middle of a picture that its mirror images surround, in floats.

    Args:
        pixels: `(height, width, channels)`.
        height: Of the result.
        width: Likewise.
        resample: Pillow's filter.
    """
    rows, columns, _ = pixels.shape
    mirrored = np.pad(pixels, [(rows, rows), (columns, columns), (0, 0)], mode="symmetric").astype(np.float32)
    box = (columns, rows, 2 * columns, 2 * rows)
    channels = (Image.fromarray(channel) for channel in np.moveaxis(mirrored, 2, 0))
    return np.stack([channel.resize((width, height), resample, box=box) for channel in channels], axis=2)


def upscaled(network, array, times=1):
    """What a network makes of pixels, again and again, when its colours are kept."""
    enlarged = network(array if times == 1 else upscaled(network, array, times - 1))
    rows = without_drift(enlarged, array, len(enlarged) // len(array))
    return whole(bands_of(rows), rows.shape, rows.dtype)


def upscaled_part(upscaler, array, top, left, side):
    """A part of what a network makes of a picture when its colours are kept, without the rest.

    Args:
        upscaler: The network, whose tiles are exact.
        array: The picture.
        top: Where the part lies, a multiple of the 32 rows that are corrected at once.
        left: Likewise.
        side: Its pixels.
    """
    scale, margin = upscaler.scale, 64  # As far as the correction of a cell reaches.
    run = RUN * CELL  # Columns that are corrected together.
    height, width, _ = array.shape

    def around(rows, columns, more=0):
        return [
            slice(max(0, rows.start - more), min(rows.stop + more, height)),
            slice(max(0, columns.start - more), min(columns.stop + more, width)),
        ]

    def within(inner, outer):
        return tuple(
            slice((part.start - whole.start) * scale, (part.stop - whole.start) * scale)
            for part, whole in zip(inner, outer, strict=True)
        )

    part = around(slice(top, top + side), slice(left, left + side))
    rows, columns = part
    rows, columns = around(rows, slice(columns.start // run * run, -(-columns.stop // run) * run), margin)
    corrected = around(rows, slice(columns.start // run * run, -(-columns.stop // run) * run))
    seen = around(*corrected, upscaler.halo)
    enlarged = upscaler(array[tuple(seen)])[within(corrected, seen)]
    return upscaled(lambda _: enlarged, array[tuple(corrected)])[within(part, corrected)]
