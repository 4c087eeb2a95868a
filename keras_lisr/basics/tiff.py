"""Finds the picture among the directories of a TIFF."""

import struct
from collections.abc import Iterator
from typing import BinaryIO

MOST_DIRECTORIES, MOST_TAGS = 100, 1000  # Pyramids have about twenty directories, and these about twenty tags.
COMPRESSION, PHOTOMETRIC, SUBDIRECTORIES = 259, 262, 330  # Tags.
JPEG, YCBCR = 7, 6
# Two tags say what a directory is: the newer one in bits.
KIND, SMALLER, MASK = 254, 1, 4
OLD_KIND, OLD_SMALLER = 255, 2


def find_page(stream: BinaryIO) -> tuple[int, int]:
    """Finds the one directory that is a picture. Smaller copies of it, as in pyramids, and masks do not count.

    Returns:
        Number of the directory, and the count of the others.

    Raises:
        ValueError: If there are several or none, or it holds YCbCr without JPEG, which libvips would read as RGB.
    """
    directories = list(read_directories(stream))
    pages = [
        page
        for page, tags in enumerate(directories)
        if not tags.get(KIND, 0) & (SMALLER | MASK) and tags.get(OLD_KIND) != OLD_SMALLER
    ]
    if len(pages) > 1:
        raise ValueError("it has several pages")
    page = pages[0] if pages else 0
    tags = directories[page] if directories else {}
    if not pages and SUBDIRECTORIES in tags:
        raise ValueError("its picture lies in subdirectories, as in cameras' raw files")
    if tags.get(PHOTOMETRIC) == YCBCR and tags.get(COMPRESSION) != JPEG:
        raise ValueError("it is a TIFF in YCbCr without JPEG")
    return page, len(directories) - 1


def read_directories(stream: BinaryIO) -> Iterator[dict[int, int]]:
    """Yields the tags of each directory whose values are single numbers of 16 or 32 bits."""
    stream.seek(0)
    head = stream.read(16)
    order = "<" if head.startswith(b"II") else ">"
    is_big = b"+" in head[2:4]  # Offsets of 64 bits.
    offset, count = struct.Struct(f"{order}{'Q' if is_big else 'I'}"), struct.Struct(f"{order}{'Q' if is_big else 'H'}")
    tag = struct.Struct(f"{order}HH{offset.size}x{offset.size}s")
    numbers = {3: struct.Struct(f"{order}H"), 4: struct.Struct(f"{order}I")}
    try:
        (start,) = offset.unpack_from(head, offset.size)
        for _ in range(MOST_DIRECTORIES):
            stream.seek(start)
            (tags,) = count.unpack(stream.read(count.size))
            entries = stream.read(min(tags, MOST_TAGS) * tag.size)
            yield {
                name: numbers[kind].unpack_from(value)[0]
                for name, kind, value in tag.iter_unpack(entries[: len(entries) // tag.size * tag.size])
                if kind in numbers
            }
            stream.seek(start + count.size + tags * tag.size)
            (start,) = offset.unpack(stream.read(offset.size))
            if not start:
                return
    except struct.error:  # It is cut off; libvips reports that.
        return
