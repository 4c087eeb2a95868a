"""Pictures in, files out: written whole or not at all."""

import io
import math
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from keras_lisr.pictures import vips, vips_files
from keras_lisr.pictures.animation import Animation
from keras_lisr.pictures.color import to_srgb
from keras_lisr.pictures.formats import (
    Format,
    check_durations,
    check_output,
    check_output_animation,
    check_output_picture,
    check_quality,
    durations_in,
    format_of,
    held_by,
    is_opaque,
    rounded_to_8_bits,
)
from keras_lisr.pictures.metadata import EXIF_PREFIX, of_size
from keras_lisr.pictures.opening import pillow_limits
from keras_lisr.pictures.picture import Metadata, Picture
from keras_lisr.pictures.png_chunks import with_chunks, xmp_chunks
from keras_lisr.pictures.tiff_exif import add_exif
from keras_lisr.whole_files import written_whole

# Bytes that writing takes at its peak for each pixel, beside the picture; other formats take no more than 12. Measured
# with noise of 1 to 16 megapixels: 29 to 47 for WebP (grey, grey and alpha), 47 to 69 for AVIF (the smaller, the more).
ENCODER_BYTES = {"WEBP": 48, "AVIF": 70, "GIF": 18}
XMP_TAG = 700
BYTE = 1


def write_picture(
    picture: Picture, file: str | Path, *, quality: int | None = None, strip_metadata: bool = False
) -> None:
    """Writes a picture under a temporary name beside `file` and renames it, so that there is never half a file.

    An existing file is replaced. JPEG, WebP and AVIF have quality 95 if not asked otherwise, JPEG and AVIF without
    chroma subsampling. Colours whose profile is not written are converted to sRGB, and 16 bits are rounded to 8 where
    the format has no more. What else a format cannot keep is left out: `losses` and `metadata_losses` of
    `keras_lisr.pictures.formats` tell beforehand. So is an alpha channel that hides nothing, where there is none.

    Args:
        picture: Any.
        file: File to write, in the format of its suffix.
        quality: From 1 to 100, for formats that have one.
        strip_metadata: Whether to write nothing but the pixels.

    Raises:
        ValueError: If the suffix is unknown, the format cannot hold the picture, or has no quality.
        OSError: If the file cannot be written.
    """
    path = Path(file)
    check_output(path)
    check_output_picture(path, picture)
    check_quality(path, quality)
    with written_whole(path) as partial, partial.open("w+b") as stream:
        encode(picture, format_of(path), stream, quality, strip_metadata)


def encode_picture(
    picture: Picture, format_suffix: str, *, quality: int | None = None, strip_metadata: bool = False
) -> bytes:
    """What a file would hold.

    Args:
        picture: Any.
        format_suffix: Such as ".png".
        quality: As for `write_picture`.
        strip_metadata: Likewise.

    Raises:
        ValueError: As `write_picture`.
    """
    check_output_picture(format_suffix, picture)
    check_quality(format_suffix, quality)
    stream = io.BytesIO()
    encode(picture, format_of(format_suffix), stream, quality, strip_metadata)
    return stream.getvalue()


def write_animation(
    animation: Animation, file: str | Path, *, quality: int | None = None, strip_metadata: bool = False
) -> None:
    """Writes an animation as GIF, WebP or PNG, whole or not at all; one with a single frame as the picture that it is.

    Frames that follow one another and are alike become one that is shown as long as they were together: there are fewer
    then, and what is seen at any moment stays. One in which nothing changes becomes a picture. Durations are rounded as
    `durations_in` of `keras_lisr.pictures.formats` says.

    Args:
        animation: Frames and their timing.
        file: File to write, in the format of its suffix.
        quality: As for `write_picture`.
        strip_metadata: Likewise.

    Raises:
        ValueError: As `write_picture`, or if the format cannot hold several frames.
        OSError: If the file cannot be written.
    """
    first = animation.frames[0]
    if len(animation.frames) == 1:
        return write_picture(first, file, quality=quality, strip_metadata=strip_metadata)
    path = Path(file)
    check_output(path)
    picture_format = format_of(path)
    check_output_animation(path)
    check_durations(path, animation.durations)
    check_output_picture(path, first)
    check_quality(path, quality)
    images: list[Image.Image] = []
    metadata: Metadata | None = None
    for frame in animation.frames:
        pixels, said = prepared(frame, picture_format, strip_metadata)
        images.append(image_of(rounded_to_8_bits(pixels), picture_format))
        metadata = metadata or said
    assert metadata
    options = options_of(metadata, picture_format, quality) | timing(animation, picture_format)
    options["duration"] = durations_in(path, animation.durations)
    quiet = quiet_pillow(first)
    with written_whole(path) as partial, partial.open("w+b") as stream, quiet, with_chunks(stream, metadata.chunks):
        try:
            images[0].save(stream, picture_format.name, save_all=True, append_images=images[1:], **options)
        except OverflowError as error:
            raise ValueError(
                f"`path` must have a format whose frames can be shown for more than {picture_format.longest_frame} ms, "
                f"as several that are alike are together. Received: path={str(path)!r}"
            ) from error


def encode(picture: Picture, picture_format: Format, stream: BinaryIO, quality: int | None, strip: bool) -> None:
    """Writes a picture that the format can hold to a stream."""
    pixels, metadata = prepared(picture, picture_format, strip)
    if pixels.dtype == np.uint16 and pixels.shape[2] > 1:  # Pillow does not write it.
        with quiet_pillow(picture):
            vips_files.write(vips.from_array(pixels), metadata, picture_format.name, stream)
        return
    with quiet_pillow(picture), with_chunks(stream, metadata.chunks):
        options = options_of(metadata, picture_format, quality)
        if pixels.shape[2] == 1:
            options.pop("subsampling", None)  # AVIF then has no colour.
        if picture_format.name == "TIFF" and pixels.nbytes > vips.LARGEST_CLASSIC_TIFF:
            options |= {"compression": "raw", "big_tiff": True}  # Pillow compresses classic ones only.
        image_of(pixels, picture_format).save(stream, picture_format.name, **options)
        if picture_format.name == "TIFF" and metadata.exif:
            add_exif(stream, metadata.exif)


def quiet_pillow(picture: Picture) -> AbstractContextManager[None]:
    """Where Pillow keeps its warnings of damaged EXIF to itself, while it writes pictures of that size."""
    return pillow_limits(math.prod(picture.pixels.shape[:2]))


def prepared(picture: Picture, picture_format: Format, strip: bool) -> tuple[np.ndarray, Metadata]:
    """The pixels and the metadata that a format can hold."""
    pixels, metadata = picture.pixels, picture.metadata
    if metadata.icc_profile and (strip or not picture_format.icc):
        pixels = to_srgb(pixels, metadata.icc_profile)
    if picture_format.depth == 8:
        pixels = rounded_to_8_bits(pixels)
    if not picture_format.alpha and pixels.shape[2] in (2, 4) and is_opaque(pixels):
        pixels = pixels[..., :-1]
    if strip:
        return pixels, Metadata()
    return pixels, held_by(picture_format, of_size(metadata, *pixels.shape[:2]))


def image_of(pixels: np.ndarray, picture_format: Format) -> Image.Image:
    """A Pillow image of pixels, as the format takes it."""
    image = Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels))
    if picture_format.name == "GIF" and image.mode in ("LA", "RGBA"):
        image = image.convert("RGBA")
        image.putalpha(image.getchannel("A").point(lambda value: 255 * (value >= 128)))
    return image


def options_of(metadata: Metadata, picture_format: Format, quality: int | None) -> dict[str, Any]:
    """How Pillow is to save a picture: what it is told of the metadata, by format."""
    name = picture_format.name
    options = dict(picture_format.options)
    if picture_format.quality:
        options["quality"] = quality or picture_format.quality
    if metadata.icc_profile:
        options["icc_profile"] = metadata.icc_profile
    if metadata.dpi and name in ("PNG", "JPEG", "TIFF", "BMP"):
        options["dpi"] = metadata.dpi
    match name:
        case "PNG":
            options |= {"exif": metadata.exif, "pnginfo": png_text(metadata.xmp)}
        case "JPEG":
            options["exif"] = EXIF_PREFIX + metadata.exif if metadata.exif else b""
            options["xmp"] = metadata.xmp
        case "WEBP":
            options |= {"exif": metadata.exif, "xmp": metadata.xmp}
        case "AVIF":
            options |= {"exif": parsable(metadata.exif), "xmp": metadata.xmp}
        case "TIFF" if metadata.xmp:
            options["tiffinfo"] = ImageFileDirectory_v2()
            options["tiffinfo"].tagtype[XMP_TAG] = BYTE
            options["tiffinfo"][XMP_TAG] = metadata.xmp
    return options


def png_text(xmp: bytes) -> PngInfo:
    """XMP as Pillow puts it into a PNG."""
    info = PngInfo()
    for chunk in xmp_chunks(xmp):
        info.add(*chunk)
    return info


def parsable(exif: bytes) -> bytes:
    """EXIF, unless Pillow cannot parse it, as it does to write AVIF."""
    try:
        parsed = Image.Exif()
        parsed.load(exif)
        parsed.tobytes()
    except Exception:  # Pillow raises what it comes across.
        return b""
    return exif


def timing(animation: Animation, picture_format: Format) -> dict[str, Any]:
    """How often frames are seen, and what becomes of them, as Pillow is told."""
    options: dict[str, Any] = {"loop": animation.loop}
    match picture_format.name:
        case "GIF":
            # It says how often frames are shown again, and nothing if they are shown once.
            options = {"loop": max(0, animation.loop - 1)} if animation.loop != 1 else {}
            has_alpha = animation.frames[0].has_alpha
            options |= {"disposal": 2 if has_alpha else 1, "optimize": False}
        case "WEBP":
            options["background"] = (0, 0, 0, 0)
    return options
