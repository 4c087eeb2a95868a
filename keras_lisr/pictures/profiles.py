"""Colour profiles as littleCMS reads them."""

import io
from functools import lru_cache

from PIL import Image, ImageCms

INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION


def converted(image: Image.Image, profile: bytes) -> Image.Image:
    """An image whose numbers a profile gives their meaning, in sRGB.

    Raises:
        PyCMSError: If the profile is broken or for other channels.
    """
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    target = ImageCms.createProfile("sRGB")
    return ImageCms.profileToProfile(  # type: ignore[return-value]
        image, source, target, INTENT, outputMode="RGB", flags=FLAGS
    )


@lru_cache(maxsize=4)  # A picture asks more than once, and those of a folder have the same.
def is_usable(profile: bytes, mode: str) -> bool:
    """Whether a profile gives the numbers of an image of that mode a meaning; there may be none.

    Example:

    >>> is_usable(b"no profile", "CMYK")
    False
    """
    try:
        converted(Image.new(mode, (1, 1)), profile)
    except (ImageCms.PyCMSError, OSError):
        return False
    return True
