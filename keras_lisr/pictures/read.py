"""Files in, pictures out: read as what they are, whole or refused."""

from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageSequence

from keras_lisr.pictures import vips
from keras_lisr.pictures.animation import Animation, in_steps
from keras_lisr.pictures.color import rgb_of
from keras_lisr.pictures.formats import FORMATS
from keras_lisr.pictures.header import (
    GREY_MODES,
    PHOTOMETRIC,
    SAMPLES_PER_PIXEL,
    Header,
    header_of,
    is_grey,
    left_by_vips,
    load_deep,
    orientation_of,
)
from keras_lisr.pictures.metadata import (
    CONVERTED,
    XMP_GAIN_MAP,
    XMP_MOTION_PHOTO,
    as_bytes,
    dots_per_inch,
    metadata_of,
    profile_of,
    upright,
    xmp_of,
)
from keras_lisr.pictures.opening import DEFAULT_MAX_PIXELS, File, Opened, TooManyPixels, opened
from keras_lisr.pictures.picture import Metadata, Picture
from keras_lisr.pictures.png_chunks import CICP, Chunk, meaning_of
from keras_lisr.pictures.profiles import is_usable
from keras_lisr.pictures.tiff_exif import read_exif

ANY_SIZE = 2**62
# Reading takes 4.7 bytes at its peak for each byte of pixels, but of these formats 7.4, 5.5 and 6.5 (Pillow 13, with 16
# megapixels). That is when no tile is in memory yet, so that half of the difference has to be kept free.
DECODER_BYTES = {"WEBP": 2, "AVIF": 1, "JPEG2000": 1}
IPTC, IPTC_RESOURCE = 33723, 0x0404  # A tag of TIFF, and what Photoshop puts into a JPEG.
UNUSED_PROFILE = "a colour profile that is broken or for other channels"
WHITE_IS_ZERO = 0  # What PHOTOMETRIC may say.
# What Pillow multiplies grey of few bits by, and forgets for the one that is transparent.
FEW_BITS = {"L;2": 85, "L;4": 17}


def picture_size(file: File, *, max_pixels: int = ANY_SIZE, max_gif_pixels: int = DEFAULT_MAX_PIXELS) -> Header:
    """Reads the header of a picture, or of an animation.

    Args:
        file: Path, or stream from its beginning.
        max_pixels: Height times width times frames, at most.
        max_gif_pixels: As for `opened`.

    Raises:
        ValueError: If it cannot be read, is too large, has several pages, or holds values that are not of 8 or 16 bits.
    """
    with opened(file, max_pixels, max_gif_pixels) as found:
        header = header_of(found)
        check_pixels(header.height * header.width * header.frames, max_pixels)
        if header.frames > 1 and header.format == "TIFF":
            raise ValueError(f"it has {header.frames} pages")
        return header


def ending_of(file: File) -> str:
    """The ending that a picture in a file should have; empty if it is none, or of a format that is not written."""
    try:
        kind = picture_size(file).format
    except ValueError:
        return ""
    kind = "JPEG" if kind == "MPO" else kind
    return next((ending for ending, found in FORMATS.items() if found.name == kind), "")


def read_picture(file: File, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Picture:
    """Reads a picture as it is meant to be seen, with the bits that its header says.

    It is turned upright as EXIF says. Palettes become RGB, and so does CMYK, through its profile if it has one. The
    numbers of RGB and grey stay as they are, and their profile is kept. Transparency is kept even if it hides nothing.

    Args:
        file: Path, or stream from its beginning.
        max_pixels: Height times width, at most.

    Returns:
        The picture: 8 bits, or 16 where the file has so many.

    Raises:
        ValueError: If there is no such file, it is broken, no picture, or too large, has several frames or pages, or
            values that are not of 8 or 16 bits.

    Example:
        picture = read_picture("photo.jpg")
        picture.pixels.shape, picture.metadata.dpi
    """
    with opened(file, max_pixels) as found:
        header = header_of(found)
        check_pixels(header.height * header.width, max_pixels)
        if header.frames > 1:
            kind = "pages" if header.format == "TIFF" else "frames; they are read as an animation"
            raise ValueError(f"it has {header.frames} {kind}")
        return picture_of(found, header)


def read_animation(file: File, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Animation:
    """Reads every frame of an animated GIF, WebP, PNG or AVIF, as it is seen; of another picture, its one frame.

    Args:
        file: Path, or stream from its beginning.
        max_pixels: Height times width times frames, at most.

    Raises:
        ValueError: As `read_picture`, or if it has pages instead of frames, frames of more than one size, or frames of
            16 bits.
    """
    with opened(file, max_pixels) as found:
        header = header_of(found)
        check_pixels(header.height * header.width * header.frames, max_pixels)
        if header.frames == 1:
            return Animation([picture_of(found, header)], [0], 1)
        if found.image is None or header.format == "TIFF":
            raise ValueError(f"it has {header.frames} pages")
        if header.depth > 8:
            raise ValueError("it is animated and has more than 8 bits per channel")
        metadata, orientation = description(found, header)
        frames, durations = [], []
        for frame in ImageSequence.Iterator(found.image):
            frame.load()  # Only then it is known how long it is shown.
            frames.append(upright(pixels_of(frame), orientation))
            durations.append(frame.info.get("duration", 0))
        if found.image.info.get("default_image"):  # Of a PNG: shown where animations are not.
            del frames[0], durations[0]
        pictures = [Picture(pixels, metadata) for pixels in alike(frames)]
        return Animation(pictures, in_steps(durations, 1), loop_of(found.image))


def picture_of(found: Opened, header: Header) -> Picture:
    """The only picture of an opened file."""
    metadata, orientation = description(found, header)
    if found.image is None or takes_vips(found.image, header):
        return Picture(upright(deep_pixels(found, header), left_by_vips(orientation, header)), metadata)
    pixels = pixels_of(found.image)
    # Pillow turns TIFF upright by itself.
    return Picture(pixels if header.format == "TIFF" else upright(pixels, orientation), metadata)


def avif_meaning(stream: BinaryIO) -> tuple[Chunk, ...]:
    """What the numbers of an AVIF without a profile mean, as a PNG says it; nothing if it is sRGB."""
    stream.seek(0)
    head = stream.read(2**16)
    position = head.find(b"colrnclx") + 8
    if not 8 <= position <= len(head) - 4:
        return ()
    # Two bytes each, of which the second holds all that there is; what is decoded is RGB in the full range.
    chunks = (Chunk(CICP, bytes([head[position + 1], head[position + 3], 0, 1])),)
    return chunks if meaning_of(chunks) else ()


def takes_vips(image: Image.Image, header: Header) -> bool:
    """Whether Pillow would make 8 bits of 16."""
    return header.depth == 16 and image.mode not in GREY_MODES


def description(found: Opened, header: Header) -> tuple[Metadata, int]:
    """The metadata and the orientation of an opened file."""
    if found.image is not None:
        metadata, orientation = metadata_of(found.image, header.channels <= 2)
        chunks = avif_meaning(found.stream) if header.format == "AVIF" and not metadata.icc_profile else found.chunks
        samples = getattr(found.image, "tag_v2", {}).get(SAMPLES_PER_PIXEL, 1)
        has_more = samples > (4 if found.image.mode == "CMYK" else header.channels)
        left_out = left_out_of(found.image, metadata)
        metadata = replace(metadata, chunks=chunks, left_out=left_out, has_more_channels=has_more)
        return metadata, orientation
    source = load_deep(found)
    profile, xmp = (
        as_bytes(source.get(name)) if source.get_typeof(name) else b"" for name in ("icc-profile-data", "xmp-data")
    )
    is_cmyk = source.interpretation == "cmyk"
    is_converted = vips.is_converted(source)
    icc_profile = b"" if is_converted else profile_of(profile, header.channels <= 2)
    found_besides = {
        UNUSED_PROFILE: profile and not (is_usable(profile, "CMYK") if is_cmyk else is_converted or icc_profile),
        "IPTC": source.get_typeof("iptc-data"),
    }
    has_unit = source.get_typeof("resolution-unit")
    dpi = dots_per_inch((source.xres * 25.4, source.yres * 25.4)) if has_unit else None
    metadata = Metadata(
        *(read_exif(found.stream), icc_profile, xmp, dpi),
        left_out=tuple(name for name, is_there in found_besides.items() if is_there),
        has_more_channels=is_cmyk and source.bands > 4,
    )
    return metadata, orientation_of(source)


def left_out_of(image: Any, metadata: Metadata) -> tuple[str, ...]:
    """Names of what a file says or shows besides, and that is not read."""
    is_jpeg = image.format in ("JPEG", "MPO")
    # Pixels along a unit that is not told: with one, it is a resolution.
    sides = image.info.get("jfif_density", ()) if image.info.get("jfif_unit") == 0 else image.info.get("aspect", ())
    profile = as_bytes(image.info.get("icc_profile"))
    is_used = is_usable(profile, image.mode) if image.mode in CONVERTED else bool(metadata.icc_profile)
    found = {
        UNUSED_PROFILE: profile and not is_used,
        "IPTC": is_jpeg and IPTC_RESOURCE in image.info.get("photoshop", ()) or IPTC in getattr(image, "tag_v2", ()),
        "a comment": (is_jpeg or image.format == "GIF") and image.info.get("comment"),
        "further pictures": image.format == "MPO" and image.n_frames > 1,
        "a gain map": is_jpeg and XMP_GAIN_MAP.search(xmp_of(image)),
        "the video of a motion photo": is_jpeg and XMP_MOTION_PHOTO.search(xmp_of(image)),
        "the default image beside the animation": image.info.get("default_image"),
        "the shape of pixels that are not square": len(set(sides)) > 1,
    }
    return tuple(name for name, is_there in found.items() if is_there)


def deep_pixels(found: Opened, header: Header) -> np.ndarray:
    """The pixels of a file as libvips reads them, before they are turned upright.

    Raises:
        ValueError: If they are others than the header said.
    """
    deep = vips.in_srgb_or_grey(load_deep(found), header.channels)
    if sorted((deep.height, deep.width)) != sorted((header.height, header.width)) or deep.bands != header.channels:
        raise ValueError(f"its header says {header.width} x {header.height} pixels, and its content is different")
    return vips.to_array(deep)


def pixels_of(image: Any) -> np.ndarray:
    """The pixels of a file as Pillow reads them, `(height, width, channels)`."""
    if image.mode in ("I", "I;16", "I;16L", "I;16B", "I;16N"):
        grey = np.array(image).astype(np.uint16)[..., None]
        if getattr(image, "tag_v2", {}).get(PHOTOMETRIC) == WHITE_IS_ZERO:  # Pillow inverts 8 bits only.
            grey = 65535 - grey
        transparent = image.info.get("transparency")
        if transparent is None:
            return grey
        return np.concatenate([grey, np.where(grey == transparent, 0, 65535).astype(np.uint16)], axis=2)
    if image.mode in CONVERTED:
        return np.array(rgb_of(image))
    mode = ("L" if is_grey(image) else "RGB") + ("A" if image.has_transparency_data else "")
    if image.format == "PNG" and image.mode == "L" and image.tile and "transparency" in image.info:
        image.info["transparency"] *= FEW_BITS.get(image.tile[0].args, 1)
    pixels = np.array(image.convert(mode))
    return pixels[..., None] if pixels.ndim == 2 else pixels


def alike(frames: list[np.ndarray]) -> list[np.ndarray]:
    """Frames that all have the channels that one of them needs.

    Raises:
        ValueError: If they differ in size.
    """
    if len({frame.shape[:2] for frame in frames}) > 1:
        raise ValueError("its frames differ in size")
    has_colour = any(frame.shape[2] >= 3 for frame in frames)
    has_alpha = any(frame.shape[2] in (2, 4) for frame in frames)
    mode = ("RGB" if has_colour else "L") + ("A" if has_alpha else "")
    images = (Image.fromarray(frame[..., 0] if frame.shape[2] == 1 else frame) for frame in frames)
    converted = [np.array(image.convert(mode)) for image in images]
    return [frame[..., None] if frame.ndim == 2 else frame for frame in converted]


def loop_of(image: Image.Image) -> int:
    """How often an animation is shown, 0 for ever."""
    loop = image.info.get("loop")
    if image.format == "GIF":  # It says how often it is shown again; if it says nothing, it is shown once.
        return 1 if loop is None else loop + 1 if loop else 0
    return loop or 0


def check_pixels(pixels: int, max_pixels: int) -> None:
    """Checks that there are not too many.

    Raises:
        TooManyPixels: If there are; `opened` says it in full.
    """
    if pixels > max_pixels:
        raise TooManyPixels(f"{pixels} pixels")
