"""Describes a network for tiles, files and presets."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Traits:
    """Geometry of a network.

    Args:
        scale: Upscaling factor.
        halo: Low-resolution pixels on each side that an output pixel depends on, and a tile needs around it; None
            if the network pools over the picture.
        smallest_side: Smallest side of a picture, in pixels.
        multiple: Number that the sides of a picture must be multiples of: more than 1 for a network with strides.
        blended: Low-resolution pixels that a tile gets on each side where `halo` is None; in twice as many, neighbours
            fade into one another.
    """

    scale: int
    halo: int | None
    smallest_side: int = 1
    multiple: int = 1
    blended: int = 16
