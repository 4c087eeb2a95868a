"""EXIF in TIFF files: what is one block elsewhere stands among the tags of the file itself."""

import struct
from typing import BinaryIO

from PIL import Image
from PIL.ExifTags import IFD, Base
from PIL.TiffImagePlugin import ImageFileDirectory_v2

# Tags that describe a picture, and not how it is stored.
DESCRIPTIVE = (
    *(Base.DocumentName, Base.ImageDescription, Base.Make, Base.Model, Base.Software, Base.DateTime, Base.Artist),
    *(Base.HostComputer, Base.Rating, Base.Copyright, Base.XPTitle, Base.XPComment, Base.XPAuthor, Base.XPKeywords),
    Base.XPSubject,
)
GROUPS = (IFD.Exif, IFD.GPSInfo)
BIG = 43
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
            source.seek(0)
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


def add_exif(file: BinaryIO, exif: bytes) -> None:
    """Puts EXIF into a TIFF that has none; what cannot be parsed is left out.

    Its first directory is written anew at the end, so that nothing else moves.

    Args:
        file: TIFF, classic or BigTIFF, open for reading and writing.
        exif: Block without its prefix.
    """
    file.seek(0)
    header = file.read(16)
    order = "<" if header.startswith(b"II") else ">"
    is_big = struct.unpack_from(f"{order}H", header, 2)[0] == BIG
    count_format, offset_format, size = (f"{order}Q", f"{order}Q", 20) if is_big else (f"{order}H", f"{order}I", 12)
    count_size, pointer = struct.calcsize(count_format), 8 if is_big else 4

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
