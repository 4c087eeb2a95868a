"""Chunks of PNG files that neither Pillow nor libvips hands on: texts, and what the numbers of pixels mean."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import sub
from typing import IO, Any, BinaryIO, NamedTuple

from PIL.PngImagePlugin import MAX_TEXT_MEMORY, PngStream

HEADER_BYTES = 33  # What a file begins with: its magic and IHDR.
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
EXIF, RESOLUTION = b"eXIf", b"pHYs"
CICP, SRGB, GAMMA, CHROMATICITIES = b"cICP", b"sRGB", b"gAMA", b"cHRM"
# How long each is that says what numbers mean: one of another length says nothing.
MEANINGS = {CICP: 4, SRGB: 1, GAMMA: 4, CHROMATICITIES: 32, b"mDCV": 24, b"cLLI": 8}
# Keywords of texts that hold EXIF, as ImageMagick writes it, or XMP: both are written anew.
EXIF_TEXTS, XMP_TEXT = ("Raw profile type exif", "Raw profile type APP1"), "XML:com.adobe.xmp"
BLOCK_TEXTS = (*EXIF_TEXTS, XMP_TEXT)
MOST_CHUNKS = 2**20  # Of 8 KiB, as usual, 8 GiB.
# By the numbers of cICP, which AVIF has too; the curves of video are shown as if they were that of sRGB.
PRIMARIES = {9: "BT.2020", 11: "DCI-P3", 12: "Display P3"}
TRANSFERS = {4: "gamma 2.2", 8: "linear", 16: "PQ", 18: "HLG"}
SRGB_PRIMARIES, SRGB_TRANSFERS = (1, 2), (1, 2, 6, 13)
# Of sRGB, and how far off others may be to be taken for it, as by libpng.
SRGB_GAMMA, GAMMA_TOLERANCE = 1 / 2.2, 0.05
SRGB_CHROMATICITIES, CHROMATICITY_TOLERANCE = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06), 0.01


class Chunk(NamedTuple):
    """A chunk of a PNG.

    Args:
        kind: Its four letters.
        data: What it holds.
    """

    kind: bytes
    data: bytes

    @property
    def keyword(self) -> str:
        """What a text is called."""
        return self.data.partition(b"\0")[0].decode("latin-1")


def read_chunks(stream: BinaryIO) -> tuple[tuple[Chunk, ...], dict[Any, Any]]:
    """Finds chunks wherever they stand in a file: ExifTool, for one, puts its own behind the pixels.

    Args:
        stream: A PNG.

    Returns:
        Texts and what the numbers mean; and the EXIF and XMP that stand behind the pixels, by Pillow's names, which
        Pillow itself finds only when it has read the pixels.

    Raises:
        ValueError: If there are too many chunks, or too long ones.
    """
    chunks: list[Chunk] = []
    kinds: set[bytes] = set()
    length = 0
    late = PngStream(stream)
    stream.seek(HEADER_BYTES)
    for _ in range(MOST_CHUNKS):
        start = stream.read(8)
        if len(start) < 8 or start[4:] == b"IEND":
            return tuple(chunks), late.im_info
        size, kind = struct.unpack(">I4s", start)
        position = stream.tell()
        if kind in (*TEXTS, EXIF) or size == MEANINGS.get(kind):
            length += size
            if length > MAX_TEXT_MEMORY:
                raise ValueError(f"its texts are longer than {MAX_TEXT_MEMORY} bytes")
            chunk = Chunk(kind, stream.read(size))
            if kind == EXIF or kind in TEXTS and chunk.keyword in BLOCK_TEXTS:
                if b"IDAT" in kinds:
                    stream.seek(position)
                    late.call(kind, position, size)
            elif kind in TEXTS or kind not in kinds:
                chunks.append(chunk)
        kinds.add(kind)
        stream.seek(position + size + 4)
    raise ValueError(f"it has more than {MOST_CHUNKS} chunks")


@contextmanager
def with_chunks(stream: IO[bytes], chunks: Sequence[Chunk]) -> Iterator[None]:
    """Puts chunks into the PNG that is written meanwhile, before its pixels, so that all readers find them.

    Args:
        stream: Open for reading and writing, at its beginning.
        chunks: What is to be put in.
    """
    with inserted(stream, b"".join(packed(chunk) for chunk in chunks), HEADER_BYTES):
        yield


@contextmanager
def inserted(stream: IO[bytes], block: bytes, header_bytes: int) -> Iterator[None]:
    """Puts bytes into the file that is written meanwhile, behind a header of a known length.

    Args:
        stream: Open for reading and writing, at its beginning.
        block: What is to be put in.
        header_bytes: How long the header is.
    """
    stream.seek(len(block))
    yield
    if block:  # Room was left for it, and the header is moved before it.
        stream.seek(len(block))
        header = stream.read(header_bytes)
        stream.seek(0)
        stream.write(header + block)


def xmp_chunks(xmp: bytes) -> list[Chunk]:
    r"""XMP as PNG holds it: text that is not compressed, in no language; none if it is no text.

    Example:

    >>> xmp_chunks(b"<x/>")[0].data
    b'XML:com.adobe.xmp\x00\x00\x00\x00\x00<x/>'
    """
    try:
        text = xmp.decode()
    except UnicodeDecodeError:
        text = ""
    return [Chunk(b"iTXt", XMP_TEXT.encode() + bytes(5) + xmp)] if text else []


def drop_resolution(stream: IO[bytes]) -> None:
    """Has the resolution of a PNG that libvips wrote, which makes one up, say nothing but that pixels are square.

    Args:
        stream: Open for reading and writing.
    """
    stream.seek(HEADER_BYTES)
    while len(start := stream.read(8)) == 8 and start[4:] != b"IDAT":
        size, kind = struct.unpack(">I4s", start)
        if kind == RESOLUTION:
            stream.seek(-8, 1)
            stream.write(packed(Chunk(RESOLUTION, struct.pack(">IIB", 1, 1, 0))))
        else:
            stream.seek(size + 4, 1)
    stream.seek(0, 2)


def packed(chunk: Chunk) -> bytes:
    """A chunk as it stands in a file."""
    content = chunk.kind + chunk.data
    return struct.pack(">I", len(chunk.data)) + content + struct.pack(">I", zlib.crc32(content))


def meaning_of(chunks: Sequence[Chunk]) -> str:
    """What the numbers of a picture without a profile mean, if it is not sRGB; otherwise empty."""
    said = {chunk.kind: chunk.data for chunk in reversed(chunks)}
    if CICP in said:
        primaries, transfer = said[CICP][:2]
        if primaries in SRGB_PRIMARIES and transfer in SRGB_TRANSFERS:
            return ""
        known = (names.get(number) for names, number in ((PRIMARIES, primaries), (TRANSFERS, transfer)))
        return f"cICP {primaries}, {transfer}{''.join(f', {name}' for name in known if name)}"
    if SRGB in said:
        return ""
    found = []
    if GAMMA in said:
        gamma = struct.unpack(">I", said[GAMMA])[0] / 1e5
        if gamma and abs(gamma / SRGB_GAMMA - 1) > GAMMA_TOLERANCE:
            found.append(f"gAMA {gamma:g}")
    if CHROMATICITIES in said:
        values = [value / 1e5 for value in struct.unpack(">8I", said[CHROMATICITIES])]
        if max(map(abs, map(sub, values, SRGB_CHROMATICITIES))) > CHROMATICITY_TOLERANCE:
            found.append(f"cHRM {' '.join(f'{value:g}' for value in values)}")
    return ", ".join(found)
