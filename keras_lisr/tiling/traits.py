"""What tiles, files and presets have to know of a network."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What a network does to the grid of pixels.

    Args:
        scale: Upscaling factor.
        halo: Low-resolution pixels that an output pixel sees on each side, and so an exact tile needs around it; None
            if the network pools over the picture.
        smallest_side: Pixels that a picture needs on each side.
        multiple: What the sides of a picture must be multiples of: more than 1 for a network with strides.
        blended: Low-resolution pixels that a tile gets on each side where `halo` is None; in twice as many, neighbours
            fade into one another.
    """

    scale: int
    halo: int | None
    smallest_side: int = 1
    multiple: int = 1
    blended: int = 16
