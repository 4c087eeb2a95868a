"""Headers: what a file says of its picture's size and values before any of them is decoded."""

import os
from collections.abc import Mapping
from typing import Any, BinaryIO, NamedTuple

from PIL.TiffImagePlugin import ImageFileDirectory_v2

from keras_lisr.pictures import vips
from keras_lisr.pictures.metadata import UPRIGHT, is_rearranged, metadata_of
from keras_lisr.pictures.opening import Opened, rewind
from keras_lisr.runtime.rows import BAND

TILE = 64  # Side of the tiles of a picture that is unpacked to be turned.
ROWS_IN_WORK = 768  # What libvips keeps where it goes by rows, however many there are; measured 610 of PNG and TIFF.
CONVERTING = 56  # Bytes of a pixel while colours of 16 bits become sRGB, as measured with CMYK.
MOST_FRAMES = 10_000  # Of an animation: each takes its time, even if it is a few bytes long.
GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N")
# Their further frames are depth maps, layers, or other sizes of the first one.
FIRST_FRAME_ONLY = ("MPO", "PSD", "ICO", "ICNS")
# Tags of TIFF.
BITS_PER_SAMPLE, COMPRESSION, PHOTOMETRIC, SAMPLES_PER_PIXEL, SAMPLE_FORMAT = 258, 259, 262, 277, 339
PLANAR, TILE_LENGTH, ROWS_PER_STRIP = 284, 323, 278
JPEG, SIGNED, SEPARATE = 7, 2, 2
BIG, BIG_ENDIAN_BIG = 43, b"MM\0+"  # A TIFF's beginning.
WHOLE_ONLY = {6: "YCbCr", 8: "LAB"}  # The former libvips would take for RGB, the latter it refuses.


class Header(NamedTuple):
    """What the header of a file says.

    Args:
        height: Of the upright picture, in pixels.
        width: Likewise.
        channels: 1 for grey, 3 for RGB, and 1 more with alpha.
        depth: 8 or 16 bits of each channel.
        frames: 1 unless it is animated or has several pages.
        format: Pillow's name of the format.
        decoder_memory: Bytes that libvips holds while the file is decoded in strips.
    """

    height: int
    width: int
    channels: int
    depth: int
    frames: int
    format: str
    decoder_memory: int = 0


def header_of(found: Opened) -> Header:
    """The header of an opened file.

    Raises:
        ValueError: If its values are not of 8 or 16 bits.
    """
    image = found.image
    if image is None:
        stored = load_deep(found)
        deep = vips.in_srgb_or_grey(stored)
        orientation = orientation_of(deep)
        height, width = (deep.width, deep.height) if orientation >= 5 else (deep.height, deep.width)
        pages = deep.get("n-pages") if deep.get_typeof("n-pages") else 1
        header = Header(height, width, deep.bands, 8 * vips.DTYPES[deep.format].itemsize, pages, "TIFF")
        pixel = stored.bands * vips.DTYPES[deep.format].itemsize
        return with_decoder_memory(header, found, orientation, pixel, vips.is_converted(stored))
    kind = image.format or ""
    depth = depth_of(found.stream, image)
    channels = (1 if is_grey(image) else 3) + image.has_transparency_data
    frames = 1 if kind in FIRST_FRAME_ONLY else getattr(image, "n_frames", 1)
    if frames > MOST_FRAMES and kind != "TIFF":  # Of a TIFF, several pages are refused in any case.
        raise ValueError(f"it has {frames} frames; {MOST_FRAMES} can be read")
    _, orientation = metadata_of(image, is_grey(image))
    width, height = image.size
    if orientation >= 5 and kind != "TIFF":  # Of a TIFF, Pillow gives the upright size.
        width, height = height, width
    header = Header(height, width, channels, depth, frames, kind)
    # Libvips decodes a palette of greys as colours.
    stored_channels = {"CMYK": 4, "P": 3 + image.has_transparency_data}.get(image.mode, channels)
    return with_decoder_memory(header, found, orientation, stored_channels * depth // 8, image.mode == "CMYK")


def with_decoder_memory(header: Header, found: Opened, orientation: int, pixel: int, is_converted: bool) -> Header:
    """A header with what libvips holds: of some formats the whole picture, of others rows.

    Args:
        header: Without it.
        found: The opened file.
        orientation: By EXIF.
        pixel: Bytes of one, as it is decoded.
        is_converted: As `vips.is_converted` says.
    """
    info = found.image.info if found.image is not None else {}
    pixels = header.height * header.width
    height, width = (header.width, header.height) if orientation >= 5 else (header.height, header.width)
    if header.format == "AVIF":
        held = 20 * pixels  # Measured with 24 megapixels: 16 (grey) to 19 (10 bits).
    elif header.format == "WEBP":
        held = 12 * pixels  # 10, and the file.
    else:
        held = min(height, ROWS_IN_WORK) * width * pixel
    if header.format == "TIFF":
        held += rows_at_once(found, height) * width * pixel
    if header.format in ("JPEG", "MPO"):
        held += found.stream.seek(0, os.SEEK_END)  # It is mapped into memory.
        if found.scans > 1 or info.get("progressive"):
            held += 2 * pixels * pixel  # Coefficients have 16 bits.
    if header.format == "PNG" and info.get("interlace"):
        held += pixels * pixel
    if is_converted:
        held += CONVERTING * BAND * width
    if is_rearranged(left_by_vips(orientation, header)):  # Rows of tiles: one is read, one written, a cache has two.
        held += 4 * TILE * width * pixel
    return header._replace(decoder_memory=held)


def rows_at_once(found: Opened, height: int) -> int:
    """How many rows of a TIFF are held because of its layout: those of two tiles, or two strips of single channels."""
    tags = found.image.tag_v2 if found.image is not None else tags_of(found.stream)
    if TILE_LENGTH in tags:
        return min(height, 2 * tags[TILE_LENGTH])
    return 2 * min(height, tags.get(ROWS_PER_STRIP, height)) if tags.get(PLANAR) == SEPARATE else 0


def tags_of(stream: BinaryIO) -> Mapping[int, Any]:
    """The tags of a TIFF that Pillow does not open; none of a big one in the order that it does not know."""
    rewind(stream)
    head = stream.read(8)
    if head.startswith(BIG_ENDIAN_BIG):
        return {}
    if BIG in head[2:4]:
        head += stream.read(8)
    tags = ImageFileDirectory_v2(head)
    stream.seek(tags.next)
    tags.load(stream)
    return tags


def depth_of(stream: BinaryIO, image: Any) -> int:
    """Bits of each channel, as the header says: 8 for what is less.

    Raises:
        ValueError: If they are neither 8 nor 16, or 16 in a format that can be read with 8 only.
    """
    kind = image.format
    bits, is_signed = 8, False
    if kind == "TIFF":
        bits = max(image.tag_v2.get(BITS_PER_SAMPLE, (1,)))
        is_signed = SIGNED in image.tag_v2.get(SAMPLE_FORMAT, ())
    elif kind in ("PNG", "SGI"):
        bits = 16 if any(";16" in str(tile.args) or tile.codec_name == "SGI16" for tile in image.tile) else 8
    elif kind == "PPM":
        whites = [tile.args[-1] for tile in image.tile if isinstance(tile.args, tuple)]
        bits = 16 if image.mode == "I" or any(type(white) is int and white > 255 for white in whites) else 8
    elif kind == "AVIF":
        bits = 16 if is_deep_avif(stream) else 8
    elif kind == "JPEG2000":
        bits = 16 if is_deep_jpeg_2000(stream) else 8
    if is_signed or image.mode == "F" or (image.mode == "I" and kind != "PPM") or bits > 8 and bits != 16:
        raise ValueError(f"its values have {bits} bits, or are signed or not whole; 8 and 16 bits can be read")
    if bits == 16 and not is_grey(image) and kind not in vips.LOADERS:
        raise ValueError(f"it has more than 8 bits per channel, which can be read of PNG, TIFF and AVIF, not of {kind}")
    return max(8, bits)


def is_deep_avif(stream: BinaryIO) -> bool:
    """Whether the configuration of a decoder, which stands near the beginning, says 10 or 12 bits."""
    stream.seek(0)
    head = stream.read(2**16)
    position = head.find(b"av1C")
    return 0 <= position < len(head) - 6 and bool(head[position + 6] & 0x40)


def is_deep_jpeg_2000(stream: BinaryIO) -> bool:
    """Whether the size marker of the codestream says more than 8 bits."""
    stream.seek(0)
    head = stream.read(2**16)
    position = head.find(b"\xff\x4f\xff\x51")
    return 0 <= position < len(head) - 42 and (head[position + 42] & 0x7F) >= 8


def is_grey(image: Any) -> bool:
    """Whether a file has no colour."""
    if image.mode == "P":
        palette = image.getpalette() or [0, 0, 1]
        return palette[0::3] == palette[1::3] == palette[2::3]
    return image.mode in GREY_MODES or any(tile.args == "LA;16B" for tile in image.tile)


def orientation_of(deep: Any) -> int:
    """The orientation that libvips found."""
    return deep.get("orientation") if deep.get_typeof("orientation") else UPRIGHT


def left_by_vips(orientation: int, header: Header) -> int:
    """What of a file's orientation is left to do when libvips has read it: libheif turns AVIF, as Pillow turns TIFF."""
    return UPRIGHT if header.format == "AVIF" else orientation


def load_deep(found: Opened) -> Any:
    """A file as libvips opens it, to be read from top to bottom."""
    kind = "TIFF" if found.image is None else found.image.format or ""
    tags = getattr(found.image, "tag_v2", {})
    name = WHOLE_ONLY.get(tags.get(PHOTOMETRIC, 0))
    if name and tags.get(COMPRESSION) != JPEG:
        raise ValueError(f"it is a TIFF in {name}, which goes as a whole only: with more `memory`, or as a PNG")
    return vips.load(found.stream, kind)
