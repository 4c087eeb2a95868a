"""Files in, pictures out: read as what they are, whole or refused."""

from dataclasses import replace
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from PIL import Image, ImageSequence

from keras_lisr.pictures import vips
from keras_lisr.pictures.animation import Animation, in_steps
from keras_lisr.pictures.color import rgb_of
from keras_lisr.pictures.metadata import (
    CONVERTED,
    UPRIGHT,
    as_bytes,
    dots_per_inch,
    is_rearranged,
    metadata_of,
    profile_of,
    upright,
)
from keras_lisr.pictures.opening import DEFAULT_MAX_PIXELS as DEFAULT_MAX_PIXELS
from keras_lisr.pictures.opening import File, Opened, TooManyPixels, opened
from keras_lisr.pictures.picture import Metadata, Picture
from keras_lisr.pictures.png_chunks import CICP, Chunk, meaning_of
from keras_lisr.pictures.profiles import is_usable
from keras_lisr.pictures.tiff_exif import read_exif

ANY_SIZE = 2**62
TILE = 64  # Side of the tiles of a picture that is unpacked to be turned.
MOST_FRAMES = 10_000  # Of an animation: each takes its time, even if it is a few bytes long.
# Reading takes 4.7 bytes at its peak for each byte of pixels, but of these formats 7.4, 5.5 and 6.5 (Pillow 13, with 16
# megapixels). That is when no tile is in memory yet, so that half of the difference has to be kept free.
DECODER_BYTES = {"WEBP": 2, "AVIF": 1, "JPEG2000": 1}
GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N")
# Their further frames are depth maps, layers, or other sizes of the first one.
FIRST_FRAME_ONLY = ("MPO", "PSD", "ICO", "ICNS")
# Tags of TIFF.
BITS_PER_SAMPLE, COMPRESSION, PHOTOMETRIC, SAMPLES_PER_PIXEL, SAMPLE_FORMAT = 258, 259, 262, 277, 339
IPTC, IPTC_RESOURCE = 33723, 0x0404  # A tag of TIFF, and what Photoshop puts into a JPEG.
UNUSED_PROFILE = "a colour profile that is broken or for other channels"
WHITE_IS_ZERO, JPEG, SIGNED = 0, 7, 2
WHOLE_ONLY = {6: "YCbCr", 8: "LAB"}  # The former libvips would take for RGB, the latter it refuses.
# What Pillow multiplies grey of few bits by, and forgets for the one that is transparent.
FEW_BITS = {"L;2": 85, "L;4": 17}


class Header(NamedTuple):
    """What the header of a file says.

    Args:
        height: Of the upright picture, in pixels.
        width: Likewise.
        channels: 1 for grey, 3 for RGB, and 1 more with alpha.
        depth: 8 or 16 bits of each channel.
        frames: 1 unless it is animated or has several pages.
        format: Pillow's name of the format.
        decoder_memory: Bytes that libvips holds while the file is decoded in strips, beside a few rows.
    """

    height: int
    width: int
    channels: int
    depth: int
    frames: int
    format: str
    decoder_memory: int = 0


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


def header_of(found: Opened) -> Header:
    """The header of an opened file.

    Raises:
        ValueError: If its values are not of 8 or 16 bits.
    """
    image = found.image
    if image is None:
        deep = load_deep(found)
        orientation = orientation_of(deep)
        height, width = (deep.width, deep.height) if orientation >= 5 else (deep.height, deep.width)
        pages = deep.get("n-pages") if deep.get_typeof("n-pages") else 1
        header = Header(height, width, deep.bands, 8 * vips.DTYPES[deep.format].itemsize, pages, "TIFF")
        return with_decoder_memory(header, None, orientation)
    kind = image.format or ""
    depth = depth_of(found.stream, image)
    channels = (1 if is_grey(image) else 3) + image.has_transparency_data
    frames = 1 if kind in FIRST_FRAME_ONLY else getattr(image, "n_frames", 1)
    if frames > MOST_FRAMES and kind != "TIFF":  # Of a TIFF, several pages are refused in any case.
        raise ValueError(f"it has {frames} frames; {MOST_FRAMES} can be read")
    _, orientation = metadata_of(image, is_grey(image))
    width, height = image.size
    if orientation >= 5 and kind != "TIFF":  # Of a TIFF, Pillow gives the upright size.
        width, height = height, width
    return with_decoder_memory(Header(height, width, channels, depth, frames, kind), image, orientation)


def with_decoder_memory(header: Header, image: Image.Image | None, orientation: int) -> Header:
    """A header with what libvips holds: nothing where it goes by rows.

    Args:
        header: Without it.
        image: Pillow's image of the file; None for a TIFF that Pillow does not know.
        orientation: By EXIF.
    """
    pixels = header.height * header.width
    is_cmyk = image is not None and image.mode == "CMYK"
    content = pixels * (4 if is_cmyk else header.channels) * header.depth // 8
    held = 0
    if header.format == "AVIF":
        held += 20 * pixels  # Measured with 24 megapixels: 16 (grey) to 19 (10 bits).
    if header.format == "WEBP":
        held += 12 * pixels  # 10, and the file.
    if is_cmyk:
        held += content  # Rows in work: no more, unless the picture is far wider than high.
    if image is not None and header.format in ("JPEG", "MPO") and image.info.get("progressive"):
        held += 2 * content  # Coefficients have 16 bits.
    if image is not None and header.format == "PNG" and image.info.get("interlace"):
        held += content
    if is_rearranged(left_by_vips(orientation, header)):  # Rows of tiles: one is read, one written, a cache has two.
        stored_width = header.height if orientation >= 5 else header.width
        held += 4 * TILE * stored_width * header.channels * header.depth // 8
    return header._replace(decoder_memory=held)


def depth_of(stream: BinaryIO, image: Any) -> int:
    """Bits of each channel, as the header says: 8 for what is less.

    Raises:
        ValueError: If they are neither 8 nor 16, or 16 in a format that can be read with 8 only.
    """
    kind = image.format
    bits, is_signed = 8, False
    if kind == "TIFF":
        bits = max(image.tag_v2.get(BITS_PER_SAMPLE, (1,)))
        is_signed = SIGNED in image.tag_v2.get(SAMPLE_FORMAT, ())
    elif kind in ("PNG", "SGI"):
        bits = 16 if any(";16" in str(tile.args) or tile.codec_name == "SGI16" for tile in image.tile) else 8
    elif kind == "PPM":
        whites = [tile.args[-1] for tile in image.tile if isinstance(tile.args, tuple)]
        bits = 16 if image.mode == "I" or any(type(white) is int and white > 255 for white in whites) else 8
    elif kind == "AVIF":
        bits = 16 if is_deep_avif(stream) else 8
    elif kind == "JPEG2000":
        bits = 16 if is_deep_jpeg_2000(stream) else 8
    if is_signed or image.mode == "F" or (image.mode == "I" and kind != "PPM") or bits > 8 and bits != 16:
        raise ValueError(f"its values have {bits} bits, or are signed or not whole; 8 and 16 bits can be read")
    if bits == 16 and not is_grey(image) and kind not in vips.LOADERS:
        raise ValueError(f"it has more than 8 bits per channel, which can be read of PNG, TIFF and AVIF, not of {kind}")
    return max(8, bits)


def is_deep_avif(stream: BinaryIO) -> bool:
    """Whether the configuration of a decoder, which stands near the beginning, says 10 or 12 bits."""
    stream.seek(0)
    head = stream.read(2**16)
    position = head.find(b"av1C")
    return 0 <= position < len(head) - 6 and bool(head[position + 6] & 0x40)


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


def is_deep_jpeg_2000(stream: BinaryIO) -> bool:
    """Whether the size marker of the codestream says more than 8 bits."""
    stream.seek(0)
    head = stream.read(2**16)
    position = head.find(b"\xff\x4f\xff\x51")
    return 0 <= position < len(head) - 42 and (head[position + 42] & 0x7F) >= 8


def is_grey(image: Any) -> bool:
    """Whether a file has no colour."""
    if image.mode == "P":
        palette = image.getpalette() or [0, 0, 1]
        return palette[0::3] == palette[1::3] == palette[2::3]
    return image.mode in GREY_MODES or any(tile.args == "LA;16B" for tile in image.tile)


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
    deep = load_deep(found)
    source = vips.load(found.stream, "TIFF")  # Before its colours are converted.
    profile, xmp = (
        as_bytes(source.get(name)) if source.get_typeof(name) else b"" for name in ("icc-profile-data", "xmp-data")
    )
    is_cmyk = source.interpretation == "cmyk"
    is_converted = is_cmyk or source.interpretation in ("lab", "labs", "labq")
    icc_profile = b"" if is_converted else profile_of(profile, header.channels <= 2)
    found_besides = {
        UNUSED_PROFILE: profile and not (is_usable(profile, "CMYK") if is_cmyk else is_converted or icc_profile),
        "IPTC": source.get_typeof("iptc-data"),
    }
    has_unit = deep.get_typeof("resolution-unit")
    dpi = dots_per_inch((deep.xres * 25.4, deep.yres * 25.4)) if has_unit else None
    metadata = Metadata(
        *(read_exif(found.stream), icc_profile, xmp, dpi),
        left_out=tuple(name for name, is_there in found_besides.items() if is_there),
        has_more_channels=is_cmyk and source.bands > 4,
    )
    return metadata, orientation_of(deep)


def left_by_vips(orientation: int, header: Header) -> int:
    """What of a file's orientation is left to do when libvips has read it: libheif turns AVIF, as Pillow turns TIFF."""
    return UPRIGHT if header.format == "AVIF" else orientation


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
        "the shape of pixels that are not square": len(set(sides)) > 1,
    }
    return tuple(name for name, is_there in found.items() if is_there)


def load_deep(found: Opened, channels: int | None = None) -> Any:
    """A file as libvips opens it, in grey or RGB, to be read from top to bottom."""
    kind = "TIFF" if found.image is None else found.image.format or ""
    tags = getattr(found.image, "tag_v2", {})
    name = WHOLE_ONLY.get(tags.get(PHOTOMETRIC, 0))
    if name and tags.get(COMPRESSION) != JPEG:
        raise ValueError(f"it is a TIFF in {name}, which goes as a whole only: with more `memory`, or as a PNG")
    image = vips.load(found.stream, kind)
    return vips.in_srgb_or_grey(image, channels)


def orientation_of(deep: Any) -> int:
    """The orientation that libvips found."""
    return deep.get("orientation") if deep.get_typeof("orientation") else UPRIGHT


def deep_pixels(found: Opened, header: Header) -> np.ndarray:
    """The pixels of a file as libvips reads them, before they are turned upright.

    Raises:
        ValueError: If they are others than the header said.
    """
    deep = load_deep(found, channels=header.channels)
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
