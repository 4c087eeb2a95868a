"""Pictures as they are kept in files: pixels of 8 or 16 bits, and what is known about them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

PROFILE = "icc-profile-data"
RESOLUTION = "resolution"
USUAL_DPI = 72.0  # Which says nothing.


@dataclass(frozen=True)
class Metadata:
    """What a file says of a picture besides its pixels.

    Args:
        fields: EXIF, XMP, IPTC, colour profile and texts, by libvips' names.
        dpi: Pixels to the inch, across and down; None if the file does not say it.
    """

    fields: Mapping[str, bytes | str] = field(default_factory=dict)
    dpi: tuple[float, float] | None = None

    @property
    def names(self) -> set[str]:
        """What there is: libvips' names, and `RESOLUTION` where the file says it."""
        said = self.dpi not in (None, (USUAL_DPI, USUAL_DPI))
        return {*self.fields, *([RESOLUTION] if said else [])}

    @property
    def icc_profile(self) -> bytes:
        """The colour profile that the pixels' numbers are meant in; empty if they are sRGB."""
        profile = self.fields.get(PROFILE, b"")
        return profile if isinstance(profile, bytes) else b""


@dataclass(frozen=True)
class Picture:
    """One picture, upright.

    Args:
        pixels: uint8 or uint16, `(height, width, channels)`: grey, grey and alpha, RGB, or RGB and alpha; colours are
            not multiplied by alpha.
        metadata: What its file said besides.
    """

    pixels: np.ndarray
    metadata: Metadata = field(default_factory=Metadata)

    @property
    def has_alpha(self) -> bool:
        """Whether its last channel is transparency."""
        return self.pixels.shape[2] in (2, 4)


@dataclass(frozen=True)
class Animation:
    """Frames, each as it is seen, and when it is seen.

    Args:
        frames: At least one, all of the same size, type and number of channels; 8 bits.
        durations: How long each is shown, in milliseconds.
        loop: How often all are shown; 0 for ever.
    """

    frames: list[Picture]
    durations: list[int]
    loop: int = 0


def is_opaque(pixels: np.ndarray) -> bool:
    """Whether nothing of a picture is transparent."""
    return pixels.shape[2] in (1, 3) or bool((pixels[..., -1] == np.iinfo(pixels.dtype).max).all())


def round_to_8_bits(pixels: np.ndarray) -> np.ndarray:
    """The nearest values in 8 bits; 8 bits stay as they are."""
    return pixels if pixels.dtype == np.uint8 else ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
