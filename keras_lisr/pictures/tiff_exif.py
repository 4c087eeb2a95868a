"""EXIF in TIFF files: what is one block elsewhere stands among the tags of the file itself."""

import struct
from typing import BinaryIO, NamedTuple

from PIL import Image
from PIL.ExifTags import IFD, Base
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from keras_lisr.pictures.opening import rewind

# Tags that describe a picture, and not how it is stored.
DESCRIPTIVE = (
    *(Base.DocumentName, Base.ImageDescription, Base.Make, Base.Model, Base.Software, Base.DateTime, Base.Artist),
    *(Base.HostComputer, Base.Rating, Base.Copyright, Base.XPTitle, Base.XPComment, Base.XPAuthor, Base.XPKeywords),
    Base.XPSubject,
)
GROUPS = (IFD.Exif, IFD.GPSInfo)
BIG = 43
NO_UNIT = 1
LONG8 = 16


def read_exif(source: Image.Image | BinaryIO) -> bytes:
    """The EXIF block, without its prefix, of what a TIFF says; empty if it says nothing that can be read.

    Args:
        source: As Pillow opened it, or a classic TIFF that Pillow does not open.
    """
    try:
        if isinstance(source, Image.Image):
            exif = source.getexif()
        else:
            rewind(source)
            exif = Image.Exif()
            exif.load_from_fp(source)
        tags = described(exif)
        return tags.tobytes().removeprefix(b"Exif\0\0") if tags else b""
    except Exception:  # Pillow raises what it comes across, for tags that have unusual types.
        return b""


def described(exif: Image.Exif) -> Image.Exif:
    """What describes the picture."""
    tags = Image.Exif()
    for tag in DESCRIPTIVE:
        if tag in exif:
            tags[tag] = exif[tag]
    for group in GROUPS:
        if values := exif.get_ifd(group):
            tags.get_ifd(group).update(values)
            tags[group] = values
    return tags


def drop_resolution(file: BinaryIO) -> None:
    """Has the resolution of a TIFF that libvips wrote, which makes one up, say nothing but that pixels are square.

    Args:
        file: TIFF, classic or BigTIFF, open for reading and writing.
    """
    header, order, is_big, count_format, offset_format, size, pointer = layout_of(file)
    file.seek(struct.unpack_from(offset_format, header, pointer)[0])
    (count,) = struct.unpack(count_format, file.read(struct.calcsize(count_format)))
    for _ in range(count):
        position, entry = file.tell(), file.read(size)
        if struct.unpack_from(f"{order}H", entry)[0] == Base.ResolutionUnit:
            file.seek(position + (12 if is_big else 8))
            file.write(struct.pack(f"{order}H", NO_UNIT))
            file.seek(position + size)
    file.seek(0, 2)


class Layout(NamedTuple):
    """How a TIFF is laid out.

    Args:
        header: Its first bytes.
        order: Of the bytes, for `struct`, as are all formats.
        is_big: Whether it is a BigTIFF.
        count_format: Of how many entries a directory has.
        offset_format: Of a position.
        entry_bytes: Length of an entry.
        pointer: Where the position of the first directory stands.
    """

    header: bytes
    order: str
    is_big: bool
    count_format: str
    offset_format: str
    entry_bytes: int
    pointer: int


def layout_of(file: BinaryIO) -> Layout:
    """The layout of a TIFF that is open for reading."""
    file.seek(0)
    header = file.read(16)
    order = "<" if header.startswith(b"II") else ">"
    if struct.unpack_from(f"{order}H", header, 2)[0] == BIG:
        return Layout(header, order, True, f"{order}Q", f"{order}Q", 20, 8)
    return Layout(header, order, False, f"{order}H", f"{order}I", 12, 4)


def add_exif(file: BinaryIO, exif: bytes) -> None:
    """Puts EXIF into a TIFF that has none; what cannot be parsed is left out.

    Its first directory is written anew at the end, so that nothing else moves.

    Args:
        file: TIFF, classic or BigTIFF, open for reading and writing.
        exif: Block without its prefix.
    """
    header, order, is_big, count_format, offset_format, size, pointer = layout_of(file)
    count_size = struct.calcsize(count_format)

    end = file.seek(0, 2)
    start = end + end % 2
    try:
        parsed = Image.Exif()
        parsed.load(exif)
        directory = ImageFileDirectory_v2(header if is_big else header[:8])
        for tag, value in described(parsed).items():
            directory[tag] = parsed.get_ifd(tag) if tag in GROUPS else value
        added = directory.tobytes(start) if len(directory) else b""
    except Exception:  # As in `read_exif`.
        added = b""
    if not added:
        return

    def entries_of(block: bytes, count: int) -> dict[int, bytes]:
        entries = (block[i * size : (i + 1) * size] for i in range(count))
        return {struct.unpack_from(f"{order}H", entry)[0]: entry for entry in entries}

    (first,) = struct.unpack_from(offset_format, header, pointer)
    file.seek(first)
    (count,) = struct.unpack(count_format, file.read(count_size))
    entries = entries_of(file.read(count * size), count)
    (count,) = struct.unpack_from(count_format, added)
    for tag, entry in entries_of(added[count_size:], count).items():
        # Pillow calls pointers long, which ends at 4 GiB.
        is_pointer = is_big and tag in GROUPS
        entries[tag] = entry[:2] + struct.pack(f"{order}H", LONG8) + entry[4:] if is_pointer else entry
    file.seek(start)
    file.write(added + b"\0" * (len(added) % 2))
    position = file.tell()
    file.write(struct.pack(count_format, len(entries)))
    file.write(b"".join(entries[tag] for tag in sorted(entries)))
    file.write(struct.pack(offset_format, 0))
    file.seek(pointer)
    file.write(struct.pack(offset_format, position))
    file.seek(0, 2)
