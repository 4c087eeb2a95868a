"""Colour profiles: pictures that mean other colours than sRGB does by the same numbers."""

import numpy as np
from PIL import Image, ImageCms

from keras_lisr.pictures import vips
from keras_lisr.pictures.profiles import INTENT, converted, is_usable

# Colours that tell whether a profile is sRGB: a cube of 17 a side.
CUBE = np.stack(np.meshgrid(*3 * [np.linspace(0, 255, 17).round().astype(np.uint8)]), axis=-1).reshape(17, -1, 3)


def to_srgb(pixels: np.ndarray, profile: bytes) -> np.ndarray:
    """Pixels whose numbers mean in sRGB what they meant in a profile; as they are if the profile is broken, or is sRGB.

    Args:
        pixels: `(height, width, channels)`: grey or RGB, with alpha or without, 8 or 16 bits.
        profile: ICC profile.

    Raises:
        ValueError: If it takes pyvips, which is not installed.
    """
    channels = pixels.shape[2]
    colours = pixels[..., : 1 if channels <= 2 else 3]
    try:
        if profile[16:20] == b"RGB " and is_srgb(profile):
            return pixels
        convert = to_srgb_8 if pixels.dtype == np.uint8 else to_srgb_16
        converted = convert(colours, profile)[..., : colours.shape[2]]
    except (ImageCms.PyCMSError, OSError):
        return pixels
    return np.concatenate([converted, pixels[..., colours.shape[2] :]], axis=2)


def to_srgb_8(colours: np.ndarray, profile: bytes) -> np.ndarray:
    """`to_srgb` for 8 bits without alpha; grey comes back as RGB."""
    image = Image.fromarray(colours if colours.shape[2] == 3 else colours[..., 0])
    if image.mode == "L" and profile[16:20] == b"RGB ":
        image = image.convert("RGB")
    return np.array(converted(image, profile))


def to_srgb_16(colours: np.ndarray, profile: bytes) -> np.ndarray:
    """`to_srgb` for 16 bits without alpha; grey comes back as RGB.

    Raises:
        OSError: If the profile is broken.
        ValueError: If pyvips is not installed.
    """
    pyvips = vips.import_vips()
    if colours.shape[2] == 1 and profile[16:20] == b"RGB ":
        colours = colours.repeat(3, axis=2)
    image = vips.from_array(colours).copy()
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    options = {"embedded": True, "depth": 16, "intent": "relative", "black_point_compensation": True}
    try:
        return vips.to_array(image.icc_transform("srgb", **options))
    except pyvips.Error as error:
        raise OSError(str(error)) from error


def is_srgb(profile: bytes) -> bool:
    """Whether an RGB profile leaves colours as they are, by a step at most."""
    return bool(np.abs(to_srgb_8(CUBE, profile).astype(int) - CUBE).max() <= 1)


def rgb_of(image: Image.Image) -> Image.Image:
    """CMYK or LAB as sRGB: CMYK through its profile, and without one by Pillow's conversion."""
    if image.mode == "LAB":
        return ImageCms.profileToProfile(  # type: ignore[return-value]
            image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), INTENT, outputMode="RGB"
        )
    profile = image.info.get("icc_profile") or b""
    return converted(image, profile) if is_usable(profile, image.mode) else image.convert("RGB")
