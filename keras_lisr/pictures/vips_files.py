"""Files that libvips writes, with the EXIF, XMP and resolution that a picture has, and no other."""

import struct
from typing import Any, BinaryIO

from keras_lisr.pictures import png_chunks, tiff_exif, vips
from keras_lisr.pictures.metadata import EXIF_PREFIX
from keras_lisr.pictures.picture import Metadata
from keras_lisr.pictures.png_chunks import EXIF, Chunk, inserted, with_chunks, xmp_chunks

MAGIC_BYTES = 2  # Of a JPEG; libvips puts JFIF behind it only if it writes EXIF.
APP0, APP1 = b"\xff\xe0", b"\xff\xe1"
XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"
NO_UNIT, PER_INCH = 0, 1


def write(image: Any, metadata: Metadata, kind: str, stream: BinaryIO, quality: int | None = None) -> None:
    """Writes a picture, PNG, JPEG or TIFF, in bounded memory.

    Libvips adds to EXIF, leaves XMP of some 60 KB out of a JPEG and puts that of a PNG where it is Latin-1, and makes
    up a resolution where there is none: 25.4 dots per inch.

    Args:
        image: `pyvips.Image`.
        metadata: What is known of it.
        kind: Format, by Pillow's name.
        stream: File, open for reading and writing, at its beginning.
        quality: Of a JPEG.
    """
    image = vips.with_metadata(image, metadata, kind)
    match kind:
        case "PNG":
            exif = [Chunk(EXIF, metadata.exif)] if metadata.exif else []
            with with_chunks(stream, (*exif, *xmp_chunks(metadata.xmp), *metadata.chunks)):
                vips.save(image, kind, stream)
            if not metadata.dpi:
                png_chunks.drop_resolution(stream)
        case "JPEG":
            blocks = (EXIF_PREFIX, metadata.exif), (XMP_PREFIX, metadata.xmp)
            segments = [jfif(metadata.dpi), *(segment(APP1, prefix + block) for prefix, block in blocks if block)]
            with inserted(stream, b"".join(segments), MAGIC_BYTES):
                vips.save(image, kind, stream, quality)
        case "TIFF":
            vips.save(image, kind, stream)
            if not metadata.dpi:
                tiff_exif.drop_resolution(stream)
            if metadata.exif:
                tiff_exif.add_exif(stream, metadata.exif)


def jfif(dpi: tuple[float, float] | None) -> bytes:
    """The segment of a JPEG that tells its resolution."""
    unit, sides = (PER_INCH, dpi) if dpi else (NO_UNIT, (1, 1))
    density = (min(max(1, round(side)), 2**16 - 1) for side in sides)
    return segment(APP0, b"JFIF\0" + struct.pack(">BBBHHBB", 1, 1, unit, *density, 0, 0))


def segment(marker: bytes, content: bytes) -> bytes:
    """A segment of a JPEG as it stands in the file."""
    return marker + struct.pack(">H", 2 + len(content)) + content
