"""A picture as it is kept in a file: pixels of 8 or 16 bits, and what is known about them."""

from dataclasses import dataclass, field

import numpy as np

from keras_lisr.pictures.png_chunks import Chunk


@dataclass(frozen=True)
class Metadata:
    """What a file says of a picture besides its pixels; empty or None where it says nothing.

    Args:
        exif: EXIF block as it stands in the file, without the identifier that JPEG puts before it, its
            orientation reset.
        icc_profile: Colour profile that the pixels' numbers are meant in; without one, they are sRGB.
        xmp: XMP packet.
        dpi: Pixels to the inch, across and down.
        chunks: Texts of a PNG, and what numbers mean that have no profile, as PNG says it.
        left_out: Names of what else there was, and is not read, such as IPTC.
        has_more_channels: Whether there were channels that are neither colours nor transparency of the pixels.
    """

    exif: bytes = b""
    icc_profile: bytes = b""
    xmp: bytes = b""
    dpi: tuple[float, float] | None = None
    chunks: tuple[Chunk, ...] = ()
    left_out: tuple[str, ...] = ()
    has_more_channels: bool = False


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
    def is_grey(self) -> bool:
        """Whether it has no colour."""
        return self.pixels.shape[2] <= 2

    @property
    def has_alpha(self) -> bool:
        """Whether its last channel is transparency."""
        return self.pixels.shape[2] in (2, 4)

    @property
    def depth(self) -> int:
        """Bits of each channel: 8 or 16."""
        return 8 * self.pixels.itemsize
