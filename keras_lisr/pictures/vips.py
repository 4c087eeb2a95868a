"""Converts between pixels and the pictures of libvips, which reads and writes all files."""

import logging
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyvips

from keras_lisr.tiling.rows import BAND, Rows, Stream, bands_of

pyvips.cache_set_max(0)  # Otherwise files stay open, and pixels in memory.
logging.getLogger("pyvips").addHandler(logging.NullHandler())  # Its warnings are in the error that follows.


def decode_message(text: Any) -> str:
    """Decodes a message of libvips, which may quote a damaged file. pyvips's own decoding fails then."""
    return "" if text == pyvips.ffi.NULL else pyvips.ffi.string(text).decode(errors="replace")


pyvips._to_string = pyvips.error._to_string = decode_message  # Its log and its errors.

DTYPES: dict[str, np.dtype] = {"uchar": np.dtype(np.uint8), "ushort": np.dtype(np.uint16)}
FORMATS = {1: "uchar", 2: "ushort"}  # By bytes per value.
INTERPRETATIONS = {(1, True): "b-w", (1, False): "srgb", (2, True): "grey16", (2, False): "rgb16"}
PNG_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}
# White stays white, and black stays black, on any paper.
TO_SRGB = {"embedded": True, "intent": "relative", "black_point_compensation": True}


def from_array(pixels: np.ndarray) -> pyvips.Image:
    """Converts pixels, `(height, width, channels)`, to a picture."""
    height, width, channels = pixels.shape
    content = np.ascontiguousarray(pixels).data
    return interpret(pyvips.Image.new_from_memory(content, width, height, channels, FORMATS[pixels.itemsize]))


def to_array(image: pyvips.Image) -> np.ndarray:
    """Returns the pixels of a picture, `(height, width, channels)`."""
    shape = (image.height, image.width, image.bands)
    return np.frombuffer(image.write_to_memory(), DTYPES[image.format]).reshape(shape)


class Feed:
    """Feeds a PNG to libvips piece by piece. The object must live as long as libvips computes."""

    def __init__(self, parts: Iterator[bytes]):
        self._parts = parts
        self._left = memoryview(b"")
        self.error: BaseException | None = None
        self._source = pyvips.SourceCustom()
        self._source.on_read(self._read)

    def image(self) -> pyvips.Image:
        """Returns the picture, which can be read once, from top to bottom."""
        return pyvips.Image.pngload_source(self._source, access="sequential", fail_on="error", unlimited=True)

    def _read(self, size: int) -> bytes:
        try:
            self._left = self._left or memoryview(next(self._parts, b""))
        except BaseException as error:  # libvips would drop it.
            self.error = error
            self._parts = iter(())
        part, self._left = self._left[:size], self._left[size:]
        return bytes(part)


def to_rows(image: pyvips.Image, feed: Feed | None = None) -> Stream:
    """Returns the rows of a picture, each band computed on demand; errors of its feed are raised, not libvips' own."""

    def bands():
        region = pyvips.Region.new(image)
        for top in range(0, image.height, BAND):
            count = min(BAND, image.height - top)
            try:
                content = region.fetch(0, top, image.width, count)
            except pyvips.Error as error:
                raise (feed and feed.error) or error from None
            yield np.frombuffer(content, DTYPES[image.format]).reshape(count, image.width, image.bands)

    return Stream(bands(), (image.height, image.width, image.bands), DTYPES[image.format])


def png_parts(rows: Rows) -> Iterator[bytes]:
    """Encodes rows as a PNG without compression, the one stream of bytes that libvips can read row by row."""
    height, width, channels = rows.shape
    depth = 8 * rows.dtype.itemsize
    yield b"\x89PNG\r\n\x1a\n"
    yield png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, PNG_COLOURS[channels], 0, 0, 0))
    stored = zlib.compressobj(0)
    for band in bands_of(rows):
        values = np.ascontiguousarray(band, rows.dtype.newbyteorder(">")).view(np.uint8).reshape(len(band), -1)
        yield png_chunk(b"IDAT", stored.compress(np.pad(values, [(0, 0), (1, 0)]).data))  # Filter 0 before each row.
    yield png_chunk(b"IDAT", stored.flush())
    yield png_chunk(b"IEND", b"")


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """Returns a chunk of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def interpret(image: pyvips.Image) -> pyvips.Image:
    """Marks the channels of a picture as grey or colours."""
    return image.copy(interpretation=INTERPRETATIONS[DTYPES[image.format].itemsize, image.bands <= 2])


def to_srgb(image: pyvips.Image, profile: bytes) -> pyvips.Image:
    """Converts a picture, grey or RGB, from a colour profile to sRGB."""
    is_grey, has_alpha, depth = image.bands <= 2, image.bands in (2, 4), 8 * DTYPES[image.format].itemsize
    if is_grey and profile[16:20] == b"RGB ":
        image = image.colourspace("srgb" if depth == 8 else "rgb16")
    image = image.copy()
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    image = image.icc_transform("srgb", depth=depth, **TO_SRGB)
    if is_grey:
        image = image[0].bandjoin(image[3]) if has_alpha else image[0]
    image = interpret(image)
    image.remove("icc-profile-data")
    return image


def one_line(error: Exception) -> str:
    """Returns the message of an error, in printable characters; libvips repeats lines."""
    lines = (" ".join(line.split()) for line in (getattr(error, "strerror", None) or str(error)).splitlines())
    text = " ".join(dict.fromkeys(lines)) or type(error).__name__
    return "".join(character if character.isprintable() else "?" for character in text)[:300]
