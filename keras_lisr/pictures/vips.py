"""Libvips, which reads and writes what Pillow cannot: 16 bits in colour, and pictures beyond memory."""

from types import ModuleType
from typing import IO, Any

import numpy as np

from keras_lisr.pictures.picture import Metadata
from keras_lisr.pictures.profiles import is_usable

LOADERS = {"PNG": "pngload", "JPEG": "jpegload", "MPO": "jpegload", "TIFF": "tiffload", "WEBP": "webpload"} | {
    "AVIF": "heifload"
}
DTYPES: dict[str, np.dtype] = {"uchar": np.dtype(np.uint8), "ushort": np.dtype(np.uint16)}
LAB = ("lab", "labs", "labq")  # What libvips calls it.
KEEP = {"xmp-data": 2, "icc-profile-data": 8}
LARGEST_CLASSIC_TIFF = 3 * 2**30  # It ends at 4 GiB, of which deflating may need some for what it cannot make smaller.
INTERPRETATIONS = {(8, True): "b-w", (8, False): "srgb", (16, True): "grey16", (16, False): "rgb16"}


def import_vips() -> ModuleType:
    """The module, restricted to what is meant for files of strangers.

    Raises:
        ValueError: If it is not installed.
    """
    try:
        import pyvips
    except (ImportError, OSError) as error:  # OSError: there is no libvips.
        raise ValueError("it takes pyvips, which is not installed: pip install 'keras_lisr[pictures]'") from error

    pyvips.block_untrusted_set(True)
    pyvips.cache_set_max(0)  # Files that are read again may have changed.
    return pyvips


def load(stream: IO[bytes], kind: str) -> Any:
    """Opens a picture; rows are decoded when they are asked for, from top to bottom.

    Args:
        stream: Its file.
        kind: Its format, by Pillow's name.

    Returns:
        `pyvips.Image`.

    Raises:
        ValueError: If libvips does not read such files, or is not installed.
    """
    pyvips = import_vips()
    if kind not in LOADERS:
        raise ValueError(f"it is {kind}; only {', '.join(sorted(LOADERS))} can be read in strips or in 16 bits")
    stream.seek(0)
    try:
        source = pyvips.Source.new_from_descriptor(stream.fileno())
    except OSError:  # A stream in memory.
        source = pyvips.Source.new_from_memory(stream.read())
    loader = getattr(pyvips.Image, f"{LOADERS[kind]}_source")
    return loader(source, access="sequential", fail_on="error")


def in_srgb_or_grey(image: Any, channels: int | None = None) -> Any:
    """A picture as grey or RGB, with alpha or without: what else there is goes through its profile.

    Args:
        image: `pyvips.Image`.
        channels: How many there should be; those after them mean nothing.

    Raises:
        ValueError: If it has other than 8 or 16 bits.
    """
    depth = 16 if image.format in ("ushort", "short") else 8
    if image.interpretation == "cmyk":
        image = from_cmyk(image, depth)
    elif image.interpretation in LAB:
        image = image.colourspace("rgb16" if depth == 16 else "srgb")
    if image.format not in DTYPES:
        raise ValueError(f"its values are of type {image.format}; integers of 8 or 16 bits can be read")
    if channels and image.bands > channels:
        image = image[:channels]
    elif channels and image.bands + 2 == channels:  # Grey in a palette.
        image = image.colourspace("rgb16" if depth == 16 else "srgb")
    if image.bands > 4:
        raise ValueError(f"it has {image.bands} channels")
    return image


def is_converted(image: Any) -> bool:
    """Whether a picture is neither grey nor RGB, so that `in_srgb_or_grey` computes all of its colours."""
    return image.interpretation in ("cmyk", *LAB)


def from_cmyk(image: Any, depth: int) -> Any:
    """CMYK as sRGB: through its profile, or as `keras_lisr.pictures.color` does without one."""
    profile = image.get("icc-profile-data") if image.get_typeof("icc-profile-data") else b""
    if is_usable(profile, "CMYK"):  # In place of another one, libvips takes its own.
        options = {"embedded": True, "depth": depth, "intent": "relative", "black_point_compensation": True}
        return image[:4].icc_transform("srgb", **options)
    most = 2**depth - 1
    paper = image[:4].invert()  # In integers: libvips keeps rows of each step.
    colours = paper[:3] * paper[3] / most
    return colours.rint().cast(image.format).copy(interpretation="rgb16" if depth == 16 else "srgb")


def to_array(image: Any) -> np.ndarray:
    """The pixels, `(height, width, channels)`."""
    shape = (image.height, image.width, image.bands)
    return np.frombuffer(image.write_to_memory(), DTYPES[image.format]).reshape(shape)


def from_array(pixels: np.ndarray) -> Any:
    """A `pyvips.Image` of pixels `(height, width, channels)`."""
    height, width, channels = pixels.shape
    image = import_vips().Image.new_from_memory(
        np.ascontiguousarray(pixels).data, width, height, channels, "uchar" if pixels.itemsize == 1 else "ushort"
    )
    return interpreted(image)


def like(content: bytes, height: int, width: int, image: Any) -> Any:
    """A `pyvips.Image` of pixels whose numbers mean what those of another do.

    Args:
        content: The pixels, as many bytes as the others' format and bands take.
        height: Rows.
        width: Columns.
        image: The other.
    """
    pyvips = import_vips()
    part = pyvips.Image.new_from_memory(content, width, height, image.bands, image.format)
    part = part.copy(interpretation=image.interpretation, coding=image.coding)
    if image.get_typeof("icc-profile-data"):
        part.set_type(pyvips.GValue.blob_type, "icc-profile-data", image.get("icc-profile-data"))
    return part


def interpreted(image: Any) -> Any:
    """A picture that knows whether its channels are grey or colours."""
    return image.copy(interpretation=INTERPRETATIONS[8 * DTYPES[image.format].itemsize, image.bands <= 2])


def with_metadata(image: Any, metadata: Metadata, kind: str) -> Any:
    """A picture with what is known of it but for what `vips_files` writes: EXIF, and XMP of a JPEG or PNG.

    Args:
        image: `pyvips.Image`.
        metadata: What is known.
        kind: Format in which it will be saved, by Pillow's name.
    """
    pyvips = import_vips()
    image = image.copy()
    blobs = {"icc-profile-data": metadata.icc_profile, "xmp-data": metadata.xmp}
    if kind in ("JPEG", "PNG"):
        del blobs["xmp-data"]
    if kind == "PNG":
        blobs["icc-profile-data"] = metadata.icc_profile if png_takes(metadata.icc_profile, image) else b""
    for name, blob in blobs.items():
        if blob:
            image.set_type(pyvips.GValue.blob_type, name, blob)
    if metadata.dpi:
        across, down = (dots / 25.4 for dots in metadata.dpi)
        image = image.copy(xres=across, yres=down)
    return image


def png_takes(profile: bytes, image: Any) -> bool:
    """Whether libpng, which looks into profiles, writes one in a picture of that kind: with a broken one, it fails."""
    pyvips = import_vips()
    pixel = pyvips.Image.black(1, 1, bands=image.bands).cast(image.format).copy(interpretation=image.interpretation)
    pixel.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    try:
        pixel.pngsave_buffer(keep=KEEP["icc-profile-data"])
    except pyvips.Error:
        return False
    return True


def save(image: Any, kind: str, target: IO[bytes], quality: int | None = None) -> None:
    """Writes a picture, PNG, JPEG or TIFF; to a file in bounded memory.

    Args:
        image: `pyvips.Image`.
        kind: Format, by Pillow's name.
        target: File, open for reading and writing, or stream in memory.
        quality: Of a JPEG.
    """
    # Otherwise, libvips would make some EXIF up.
    options: dict[str, Any] = {"keep": sum(flag for name, flag in KEEP.items() if image.get_typeof(name))}
    match kind:
        case "JPEG":
            options |= {"Q": quality, "subsample_mode": "off"}
        case "TIFF":
            size = image.width * image.height * image.bands * DTYPES[image.format].itemsize
            options |= {"compression": "deflate", "predictor": "horizontal", "resunit": "inch"}
            options["bigtiff"] = size > LARGEST_CLASSIC_TIFF
    saver = f"{kind.lower()}save"
    try:
        descriptor = target.fileno()
    except OSError:  # A stream in memory.
        target.write(getattr(image, f"{saver}_buffer")(**options))
        return
    # Not a name: libvips would take what stands in brackets for options.
    getattr(image, f"{saver}_target")(import_vips().Target.new_to_descriptor(descriptor), **options)
