"""What tiles, files and presets have to know of a network."""

from dataclasses import dataclass

BLENDED_HALO = 16  # Where no halo makes tiles exact.


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What a network does to the grid of pixels.

    Args:
        scale: Upscaling factor.
        halo: Low-resolution pixels that an output pixel sees on each side, and so an exact tile needs around it; None
            if the network pools over the picture.
        smallest_side: Pixels that a picture needs on each side.
    """

    scale: int
    halo: int | None
    smallest_side: int = 1

    @property
    def tile_halo(self) -> int:
        """Pixels around each tile that only give context: the halo, or what neighbours fade into one another over."""
        return BLENDED_HALO if self.halo is None else self.halo
