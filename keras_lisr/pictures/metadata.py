"""What files say of their pictures besides the pixels, and which side of them is up."""

import math
import re
import struct
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image
from PIL.ExifTags import IFD, Base

from keras_lisr.pictures.picture import Metadata
from keras_lisr.pictures.png_chunks import EXIF_TEXTS, XMP_TEXT
from keras_lisr.pictures.tiff_exif import read_exif

EXIF_PREFIX = b"Exif\0\0"
UPRIGHT = 1
X_RESOLUTION = 282
# By the EXIF orientation: whether rows become columns, then whether rows and columns are turned round.
TURNS = {
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}
XMP_IS = rb"""(?:\s*=\s*["']|>)"""  # Between the name of an attribute or an element and its value.
XMP_ORIENTATION = re.compile(rb"(tiff:Orientation" + XMP_IS + rb")([1-8])")
XMP_HEIGHTS = re.compile(rb"((?:exif:PixelYDimension|tiff:ImageLength)" + XMP_IS + rb")\d+")
XMP_WIDTHS = re.compile(rb"((?:exif:PixelXDimension|tiff:ImageWidth)" + XMP_IS + rb")\d+")
# What phones say of a gain map and of a video that follow in the same file.
XMP_GAIN_MAP = re.compile(rb"hdrgm:Version" + XMP_IS)
XMP_MOTION_PHOTO = re.compile(rb"GCamera:(?:MotionPhoto|MicroVideo)" + XMP_IS + rb"1")
INTEGERS = {1: "B", 3: "H", 4: "I"}  # By the type that a tag gives.
CONVERTED = ("CMYK", "LAB")  # Modes of Pillow whose colours become sRGB, and leave their profile behind.
PROFILE_SPACES = {True: (b"GRAY", b"RGB "), False: (b"RGB ",)}  # By whether a picture is grey.
UNKNOWN_DPI = 25.4  # Libvips writes a pixel to the millimetre where nothing is known.
MOST_DPI = 65_535  # A JPEG holds no more.


def metadata_of(image: Any, is_grey: bool) -> tuple[Metadata, int]:
    """What a file says of its picture.

    Args:
        image: Pillow's image of the opened file.
        is_grey: Whether its pixels will be grey, rather than RGB.

    Returns:
        The metadata with the orientation reset, and the EXIF orientation that it had.
    """
    exif, xmp = exif_of(image), xmp_of(image)
    position = find_value(exif, Base.Orientation)
    in_xmp = XMP_ORIENTATION.search(xmp)
    orientation = UPRIGHT
    if image.format == "TIFF":
        orientation = image.tag_v2.get(Base.Orientation, UPRIGHT)
    elif position:
        (orientation,) = struct.unpack_from(position[0], exif, position[1])
    elif in_xmp:
        orientation = int(in_xmp[2])
    exif = with_orientation(exif, UPRIGHT)
    if orientation in TURNS:
        exif = without_thumbnail(exif)
    metadata = Metadata(
        exif=exif,
        icc_profile=b"" if image.mode in CONVERTED else profile_of(as_bytes(image.info.get("icc_profile")), is_grey),
        xmp=XMP_ORIENTATION.sub(rb"\g<1>1", xmp),
        dpi=dots_per_inch(image.info.get("dpi")) if image.format != "TIFF" or X_RESOLUTION in image.tag_v2 else None,
    )
    return metadata, orientation if orientation in TURNS else UPRIGHT


def exif_of(image: Image.Image) -> bytes:
    """The EXIF block, without its prefix; empty if there is none, or none that is one."""
    exif = as_bytes(image.info.get("exif"))
    if image.format == "TIFF":
        exif = read_exif(image)
    elif not exif and (name := next((name for name in EXIF_TEXTS if name in image.info), "")):  # Text in lines.
        try:
            exif = bytes.fromhex("".join(image.info[name].split("\n")[3:]))
        except ValueError:
            exif = b""
    exif = exif.removeprefix(EXIF_PREFIX)
    return exif if exif[:4] in (b"II*\0", b"MM\0*") else b""


def xmp_of(image: Image.Image) -> bytes:
    """The XMP; as text, it comes from a chunk of a PNG that Pillow takes for Latin-1."""
    return as_bytes(image.info.get("xmp") or image.info.get(XMP_TEXT, "").encode("latin-1", "ignore"))


def as_bytes(value: Any) -> bytes:
    """What decoders give as bytes or as text; empty if it is neither."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    return value if isinstance(value, bytes) else b""


def find_value(exif: bytes, tag: int, group: int | None = None) -> tuple[str, int] | None:
    """Where an EXIF block holds an integer: its format, as `struct` names it, and its position.

    Args:
        exif: Block without its prefix.
        tag: Number of what is looked for.
        group: Number of the tag that points to the directory in which it is, rather than in the first one.
    """
    order = ">" if exif.startswith(b"MM") else "<"
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        if group is not None:
            pointer = find_value(exif, group)
            if pointer is None:
                return None
            (start,) = struct.unpack_from(pointer[0], exif, pointer[1])
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            found, kind, values = struct.unpack_from(f"{order}HHI", exif, entry)
            if found == tag and values == 1 and kind in INTEGERS and entry + 12 <= len(exif):
                return order + INTEGERS[kind], entry + 8
    except struct.error:  # It ends too soon.
        pass
    return None


def with_value(exif: bytes, value: int, tag: int, group: int | None = None) -> bytes:
    """An EXIF block that says another integer, if it says one and has room for it; all else stays where it was."""
    found = find_value(exif, tag, group)
    if not found:
        return exif
    number, position = found
    try:
        packed = struct.pack(number, value)
    except struct.error:  # It is too large.
        return exif
    return exif[:position] + packed + exif[position + len(packed) :]


def with_orientation(exif: bytes, orientation: int) -> bytes:
    """An EXIF block that says another orientation, if it says one."""
    return with_value(exif, orientation, Base.Orientation)


def without_thumbnail(exif: bytes) -> bytes:
    """An EXIF block whose first directory is its last: the next one is that of a thumbnail."""
    order = ">" if exif.startswith(b"MM") else "<"
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
    except struct.error:  # It ends too soon.
        return exif
    position = start + 2 + 12 * count
    return exif[:position] + bytes(4) + exif[position + 4 :] if position + 4 <= len(exif) else exif


def is_rearranged(orientation: int) -> bool:
    """Whether a picture of that EXIF orientation has its rows in another order once it is upright, or as columns."""
    transposed, rows, _ = TURNS.get(orientation, (False, False, False))
    return transposed or rows


def of_size(metadata: Metadata, height: int, width: int) -> Metadata:
    """Metadata of an upright picture of that size: EXIF and XMP say so, where they said otherwise."""
    exif, xmp = with_orientation(metadata.exif, UPRIGHT), XMP_ORIENTATION.sub(rb"\g<1>1", metadata.xmp)
    for tag, side in ((Base.ExifImageHeight, height), (Base.ExifImageWidth, width)):
        exif = with_value(exif, side, tag, IFD.Exif)
    for names, side in ((XMP_HEIGHTS, height), (XMP_WIDTHS, width)):
        xmp = names.sub(rb"\g<1>%d" % side, xmp)
    return replace(metadata, exif=exif, xmp=xmp)


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """The pixels turned as the EXIF orientation says."""
    if orientation not in TURNS:
        return pixels
    transposed, rows, columns = TURNS[orientation]
    if transposed:
        pixels = pixels.swapaxes(0, 1)
    return np.ascontiguousarray(pixels[:: -1 if rows else 1, :: -1 if columns else 1])


def profile_of(profile: bytes, is_grey: bool) -> bytes:
    """A colour profile, unless it is for other channels."""
    return profile if profile[16:20] in PROFILE_SPACES[is_grey] else b""


def dots_per_inch(dpi: Any) -> tuple[float, float] | None:
    """A resolution, if it is one that makes sense."""
    try:
        across, down = (float(value) for value in dpi)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    if abs(across - UNKNOWN_DPI) < 0.001 and abs(down - UNKNOWN_DPI) < 0.001:
        return None
    is_sensible = all(math.isfinite(value) and 1 <= value <= MOST_DPI for value in (across, down))
    return (across, down) if is_sensible else None
