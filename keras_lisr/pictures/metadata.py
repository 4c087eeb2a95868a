"""What libvips keeps of what files say of their pictures."""

import re
from typing import Any

import pyvips

from keras_lisr.pictures.picture import PROFILE, Metadata
from keras_lisr.pictures.vips import interpret, to_srgb

# What a format may hold besides a profile, by the beginnings of libvips' names, and a resolution.
EXIF, XMP, IPTC, TEXTS, RESOLUTION = "exif-", "xmp-data", "iptc-data", "png-comment-", "dpi"
NAMES = {EXIF: "EXIF", XMP: "XMP", IPTC: "IPTC", TEXTS: "texts", RESOLUTION: "resolution"}
EXIF_BLOCK = "exif-data"
EXIF_MAGIC = re.compile(rb"(Exif\0\0)?(II\*\0|MM\0\*).{8}", re.DOTALL)  # With less, libheif writes no file.
KEEP = {EXIF_BLOCK: 1, XMP: 2, IPTC: 4, PROFILE: 8}  # libvips' flags of what is written; 16 is all else.
KEEP_REST = 16
PROFILE_SPACES = {True: (b"GRAY", b"RGB "), False: (b"RGB ",)}  # By whether a picture is grey.
MILLIMETRES = 25.4  # To the inch. One pixel to the millimetre is libvips' own idea where a file says nothing.
USUAL_DPI = 72.0
XMP_ORIENTATION = re.compile(rb"""(tiff:Orientation(?:\s*=\s*["']|>))[1-8]""")
UNUSED_PROFILE = "a colour profile that is broken or for other channels"
MORE_CHANNELS = "channels beside the colours"


def read_metadata(stored: pyvips.Image, image: pyvips.Image) -> Metadata:
    """What a file says of its picture.

    Args:
        stored: The picture as it is in the file.
        image: What became of it: upright, grey or RGB.
    """
    fields = {name: image.get(name) for name in image.get_fields() if name.startswith((*NAMES, PROFILE))}
    left_out = []
    if profile := fields.pop(PROFILE, b""):
        if is_usable(profile, image):
            fields[PROFILE] = profile
        else:
            left_out.append(UNUSED_PROFILE)
    if EXIF_BLOCK in fields and not EXIF_MAGIC.match(fields[EXIF_BLOCK]):
        fields = {name: value for name, value in fields.items() if not name.startswith(EXIF)}
        left_out.append("EXIF that is broken")
    if stored.bands > image.bands and stored.interpretation != "cmyk":
        left_out.append(MORE_CHANNELS)
    if XMP in fields:
        fields[XMP] = XMP_ORIENTATION.sub(rb"\g<1>1", fields[XMP])
    dpi = (round(image.xres * MILLIMETRES, 2), round(image.yres * MILLIMETRES, 2))
    return Metadata(fields, None if dpi == (MILLIMETRES, MILLIMETRES) else dpi, tuple(left_out))


def add_metadata(image: pyvips.Image, metadata: Metadata, held: tuple[str, ...]) -> pyvips.Image:
    """A picture with what is known of it.

    Args:
        image: Any.
        metadata: What is known.
        held: What its file will hold of that.
    """
    across, down = metadata.dpi or (USUAL_DPI, USUAL_DPI)
    image = image.copy(xres=across / MILLIMETRES, yres=down / MILLIMETRES)
    for name, value in metadata.fields.items():
        if name.startswith(held):
            kind = pyvips.GValue.blob_type if isinstance(value, bytes) else pyvips.GValue.gstr_type
            image.set_type(kind, name, value)
    image.set_type(pyvips.GValue.gint_type, "orientation", 1)  # EXIF still says what the file did that was read.
    return image


def flags_of(image: pyvips.Image) -> int:
    """What libvips is to write of a picture: it would make EXIF up where there is none."""
    return KEEP_REST + sum(flag for name, flag in KEEP.items() if image.get_typeof(name))


def is_usable(profile: bytes, image: pyvips.Image) -> bool:
    """Whether a profile gives the numbers of a picture a meaning."""
    if profile[16:20] not in PROFILE_SPACES[image.bands <= 2]:
        return False
    pixel: Any = interpret(pyvips.Image.black(1, 1, bands=image.bands).cast(image.format))
    try:
        to_srgb(pixel, profile).write_to_memory()
        pixel.set_type(pyvips.GValue.blob_type, PROFILE, profile)
        pixel.pngsave_buffer(keep=KEEP[PROFILE])  # libpng looks into profiles, too.
    except pyvips.Error:
        return False
    return True
