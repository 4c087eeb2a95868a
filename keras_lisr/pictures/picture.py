"""Defines pictures as files hold them: pixels of 8 or 16 bits, and metadata."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

PROFILE = "icc-profile-data"
RESOLUTION = "resolution"
USUAL_DPI = 72.0  # It carries no information.


@dataclass(frozen=True)
class Metadata:
    """Metadata of a picture.

    Args:
        fields: EXIF, XMP, IPTC, colour profile and texts, by libvips' names.
        dpi: Pixels per inch, across and down; None if the file has no resolution.
    """

    fields: Mapping[str, bytes | str] = field(default_factory=dict)
    dpi: tuple[float, float] | None = None

    @property
    def names(self) -> set[str]:
        """Names of the fields, and `RESOLUTION` if the file has one."""
        has_resolution = self.dpi not in (None, (USUAL_DPI, USUAL_DPI))
        return {*self.fields, *([RESOLUTION] if has_resolution else [])}

    @property
    def icc_profile(self) -> bytes:
        """Colour profile of the pixels; empty if they are sRGB."""
        profile = self.fields.get(PROFILE, b"")
        return profile if isinstance(profile, bytes) else b""


@dataclass(frozen=True)
class Picture:
    """One picture, upright.

    Args:
        pixels: uint8 or uint16, `(height, width, channels)`: grey, grey and alpha, RGB, or RGB and alpha; colours are
            not multiplied by alpha.
        metadata: Metadata of its file.
    """

    pixels: np.ndarray
    metadata: Metadata = field(default_factory=Metadata)

    @property
    def has_alpha(self) -> bool:
        """True if the last channel is alpha."""
        return self.pixels.shape[2] in (2, 4)


@dataclass(frozen=True)
class Animation:
    """Frames and their timing; a single picture is one frame.

    Args:
        frames: At least one, upright, all of the same shape and type.
        durations: Time of each frame in milliseconds.
        loop: Number of times that all frames are shown; 0 for endless.
    """

    frames: list[Picture]
    durations: list[int]
    loop: int = 0


def is_opaque(pixels: np.ndarray) -> bool:
    """Checks that no pixel is transparent."""
    return pixels.shape[2] in (1, 3) or bool((pixels[..., -1] == np.iinfo(pixels.dtype).max).all())


def round_to_8_bits(pixels: np.ndarray) -> np.ndarray:
    """Returns the nearest 8-bit values; 8-bit pixels stay as they are."""
    return pixels if pixels.dtype == np.uint8 else ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
