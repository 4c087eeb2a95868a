"""Small files of every kind that is read, to be damaged."""

import io

import numpy as np
import pyvips
from PIL import Image, ImageCms
from PIL.ExifTags import IFD, Base


def samples() -> dict[str, bytes]:
    """The content of whole files, by name."""
    y, x = np.mgrid[:18, :22]
    colours = np.stack([x * 11, y * 13, (x * y) % 256], axis=-1).astype(np.uint8)
    image = Image.fromarray(colours)
    transparent = image.copy()
    transparent.putalpha(Image.fromarray((x * 11).astype(np.uint8)))
    turned = image.rotate(180)
    exif = Image.Exif()
    exif[Base.Orientation] = 6
    exif[Base.Make] = "maker"
    exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = "2020:01:02 03:04:05"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    described = {"exif": exif, "icc_profile": profile, "dpi": (300, 300), "xmp": b'<x tiff:Orientation="6"/>'}
    animated = {"save_all": True, "append_images": [turned, image], "duration": 40}

    def save(image, kind, **options):
        stream = io.BytesIO()
        image.save(stream, kind, **options)
        return stream.getvalue()

    deep = pyvips.Image.new_from_array(colours.astype(np.uint16) * 257).copy(interpretation="rgb16")
    deep_alpha = pyvips.Image.new_from_array(np.dstack([x, y]).astype(np.uint16) * 99).copy(interpretation="grey16")
    profiled = deep.copy()
    profiled.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return {
        "jpeg": save(image, "JPEG", **described),
        "jpeg of a phone": save(image, "MPO", save_all=True, append_images=[turned]),
        "progressive jpeg": save(image, "JPEG", progressive=True),
        "cmyk jpeg": save(image.convert("CMYK"), "JPEG"),
        "png": save(transparent, "PNG", exif=exif, icc_profile=profile, dpi=(300, 300)),
        "palette png": save(image.quantize(16), "PNG", transparency=bytes(range(16))),
        "16-bit png": deep.pngsave_buffer(),
        "interlaced 16-bit png": deep.pngsave_buffer(interlace=True),
        "webp": save(transparent, "WEBP", exif=exif, icc_profile=profile),
        "lossless webp": save(image, "WEBP", lossless=True),
        "animated webp": save(image, "WEBP", **animated),
        "tiff": save(image, "TIFF", compression="tiff_adobe_deflate", exif=exif, icc_profile=profile),
        "raw tiff": save(transparent, "TIFF"),
        "jpeg tiff": save(image, "TIFF", compression="jpeg"),
        "16-bit tiff": deep.tiffsave_buffer(compression="lzw"),
        "profiled 16-bit tiff": profiled.tiffsave_buffer(),
        "tiled bigtiff": deep.tiffsave_buffer(tile=True, tile_width=16, tile_height=16, bigtiff=True),
        "grey and alpha tiff": deep_alpha.tiffsave_buffer(compression="deflate"),
        "gif": save(image.quantize(16), "GIF", transparency=3),
        "animated gif": save(image, "GIF", **animated, loop=2),
        "avif": save(transparent, "AVIF", exif=exif),
        "10-bit avif": deep.heifsave_buffer(compression="av1", bitdepth=10, effort=0),
    }


def mutate(content: bytes, edits) -> bytes:
    """A file with some of it changed, missing, twice there, or cut off.

    Args:
        content: The whole file.
        edits: Kind of each change, where it is as a part of the length, and a number.
    """
    changed = bytearray(content)
    for kind, part, number in edits:
        position = min(int(part * len(changed)), len(changed) - 1) if changed else 0
        match kind:
            case "byte":
                changed[position : position + 1] = bytes([number % 256])
            case "bit":
                if changed:
                    changed[position] ^= 1 << number % 8
            case "number":  # Lying sizes, offsets and counts.
                changed[position : position + 4] = (0, 1, 0xFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x10000)[number % 6].to_bytes(
                    4, "big" if number % 2 else "little"
                )
            case "missing":
                del changed[position : position + number % 64]
            case "twice":
                changed[position:position] = changed[position : position + number % 512]
            case "end":
                del changed[position:]
    return bytes(changed)
