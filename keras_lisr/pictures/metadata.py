"""Reads and writes metadata by libvips."""

import re
from typing import Any

import pyvips

from keras_lisr.pictures.picture import PROFILE, USUAL_DPI, Metadata
from keras_lisr.pictures.vips import interpret, to_srgb

# Beginnings of libvips' names. It leaves out what a format cannot hold.
EXIF, XMP, IPTC, TEXTS = "exif-", "xmp-data", "iptc-data", "png-comment-"
EXIF_BLOCK = "exif-data"
EXIF_MAGIC = re.compile(rb"(Exif\0\0)?(II\*\0|MM\0\*).{8}", re.DOTALL)  # Otherwise libheif writes no file.
KEEP = {EXIF_BLOCK: 1, XMP: 2, IPTC: 4, PROFILE: 8}  # libvips' flags of what to write; 16 is everything else.
KEEP_REST = 16
PROFILE_SPACES = {True: (b"GRAY", b"RGB "), False: (b"RGB ",)}  # By whether the picture is grey.
MILLIMETRES = 25.4  # Per inch. One pixel per millimetre is libvips' default where a file has no resolution.
XMP_ORIENTATION = re.compile(rb"""(tiff:Orientation(?:\s*=\s*["']|>))[1-8]""")


def read_metadata(image: pyvips.Image) -> Metadata:
    """Reads the metadata of an upright picture, grey or RGB, except a broken profile and broken EXIF."""
    names = [name for name in image.get_fields() if name.startswith((EXIF, XMP, IPTC, TEXTS, PROFILE))]
    if EXIF_BLOCK in names and not EXIF_MAGIC.match(image.get(EXIF_BLOCK)):
        names = [name for name in names if not name.startswith(EXIF)]
    if PROFILE in names and not is_usable(image.get(PROFILE), image):
        names.remove(PROFILE)
    fields = {name: image.get(name) for name in names}
    if XMP in fields:
        fields[XMP] = XMP_ORIENTATION.sub(rb"\g<1>1", fields[XMP])
    dpi = (round(image.xres * MILLIMETRES, 2), round(image.yres * MILLIMETRES, 2))
    return Metadata(fields, None if dpi == (MILLIMETRES, MILLIMETRES) else dpi)


def add_metadata(image: pyvips.Image, metadata: Metadata) -> pyvips.Image:
    """Returns a picture with metadata."""
    across, down = metadata.dpi or (USUAL_DPI, USUAL_DPI)
    image = image.copy(xres=across / MILLIMETRES, yres=down / MILLIMETRES)
    for name, value in metadata.fields.items():
        kind = pyvips.GValue.blob_type if isinstance(value, bytes) else pyvips.GValue.gstr_type
        image.set_type(kind, name, value)
    image.set_type(pyvips.GValue.gint_type, "orientation", 1)  # EXIF still has that of the source.
    return image


def flags_of(image: pyvips.Image) -> int:
    """Returns libvips' flags of what to write; it would invent EXIF where there is none."""
    return KEEP_REST + sum(flag for name, flag in KEEP.items() if image.get_typeof(name))


def is_usable(profile: bytes, image: pyvips.Image) -> bool:
    """Checks whether a colour profile suits a picture."""
    if profile[16:20] not in PROFILE_SPACES[image.bands <= 2]:
        return False
    pixel: Any = interpret(pyvips.Image.black(1, 1, bands=image.bands).cast(image.format))
    try:
        to_srgb(pixel, profile).write_to_memory()
        pixel.set_type(pyvips.GValue.blob_type, PROFILE, profile)
        pixel.pngsave_buffer(keep=KEEP[PROFILE])  # libpng checks profiles, too.
    except pyvips.Error:
        return False
    return True
