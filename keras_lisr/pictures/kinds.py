"""Identifies the format of a file by its content, and opens it."""

import base64
import io
import zlib
from functools import cache
from typing import Any, BinaryIO

import pyvips

from keras_lisr.basics.picture_suffixes import READABLE

HEAD = 64  # Bytes that identify the format.
LOADERS = {
    "PNG": "pngload_source",
    "JPEG": "jpegload_source",
    "WEBP": "webpload_source",
    "TIFF": "tiffload_source",
    "GIF": "gifload_source",
    "AVIF": "heifload_source",
    "HEIC": "heifload_source",
    "JPEG XL": "jxlload_source",
}
ANIMATED = "it is animated; only GIF and WebP animations can be read"
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1")
STARTS: dict[str, tuple[bytes, ...]] = {
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "JPEG": (b"\xff\xd8\xff",),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "GIF": (b"GIF87a", b"GIF89a"),
    "JPEG XL": (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"),
}

# Suffixes of formats that not every libvips decodes.
READABLE_SOMEWHERE = {".heic": "HEIC", ".heif": "HEIC", ".hif": "HEIC", ".jxl": "JPEG XL"}
# A picture of each, to try: without a decoder of HEVC, HEIC can be opened, but not decoded.
SAMPLES = {
    "HEIC": zlib.decompress(
        base64.b85decode(
            b"c-muNV30{GsVvAy%}izhg51nBLl8SRGck>Ufzc{AwIq=N0u(b+a*CjAhJwuG5(YHDSCCnf3uZ9_u~KGEKG;YX2OysjEF1@+fj|g|"
            b"l`}K*(%|Yvft*w(C@-Td*$~9sm03_!0Ho(+79{5b=^~(nGb0NJ+)lX<41fOo_`$%y&#VB{DDJ?>!}$L{NC7j${2w5aL2eh5gCbB)"
            b"&54l_RpLMsi&*qZm1R3OD1ZdOgrX8qDZ2~f!J-XH4nPY;GK&jRp_Vy7G0>wGnP8WK93qxkkP8bVphuY-nVNwtsoa!APzdp9Fs|d;"
            b"@J0I0>VG1$-x~k`1_nW="
        )
    ),
    "JPEG XL": base64.b85decode(b"{|W#Q5EK^z2m%2B7ywHcixq+a"),
}


def kind_of(head: bytes) -> str:
    """Returns the format of a file by its first bytes.

    Raises:
        ValueError: If the format is unknown, or the installed libvips cannot decode it.
    """
    kind = next((kind for kind, starts in STARTS.items() if head.startswith(starts)), "HEIC")
    if kind == "HEIC":
        if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
            return "WEBP"
        if head[4:12] == b"ftypavis":
            raise ValueError(ANIMATED)
        if head[4:8] == b"ftyp" and b"avif" in head:
            return "AVIF"
        if head[4:8] != b"ftyp" or head[8:12] not in HEIC_BRANDS:
            raise ValueError(f"its content is not {', '.join(LOADERS)}")
    if kind in SAMPLES and not decodes(kind):
        raise ValueError(f"it is {kind}, which the installed libvips cannot decode; convert it to PNG or JPEG first")
    return kind


@cache
def decodes(kind: str) -> bool:
    """Checks whether the installed libvips decodes HEIC or JPEG XL."""
    try:
        load(io.BytesIO(SAMPLES[kind]), kind).avg()
    except (pyvips.Error, AttributeError):  # The latter if the loader is missing.
        return False
    return True


def is_readable(suffix: str) -> bool:
    """Checks whether files with a suffix usually hold pictures that can be read."""
    suffix = suffix.lower()
    return suffix in READABLE or (suffix in READABLE_SOMEWHERE and decodes(READABLE_SOMEWHERE[suffix]))


def load(stream: BinaryIO, kind: str, access: str = "sequential", **options: Any) -> pyvips.Image:
    """Opens a file by libvips, which stops at the first error. Rows in any order need `access="random"`."""
    stream.seek(0)
    if isinstance(stream, io.BytesIO):
        source = pyvips.Source.new_from_memory(stream.getvalue())
    else:
        source = pyvips.Source.new_from_descriptor(stream.fileno())
    # The loader by its name: by itself, libvips would also try loaders that are not meant for untrusted files.
    return getattr(pyvips.Image, LOADERS[kind])(source, access=access, fail_on="error", **options)
