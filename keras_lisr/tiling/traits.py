"""What tiles, files and presets have to know of a network."""

from dataclasses import dataclass

BLENDED_HALO = 16  # Where no halo makes tiles exact.


@dataclass(frozen=True)
class Traits:
    """What a network does to the grid of pixels.

    Args:
        scale: Upscaling factor.
        radius: Low-resolution pixels that an output pixel sees on each side; None if the network pools over the
            picture.
        smallest_side: Pixels that a picture needs on each side.
    """

    scale: int
    radius: int | None
    smallest_side: int = 1

    @property
    def exact(self) -> bool:
        """Whether tiles make the picture that the network makes of the whole at once."""
        return self.radius is not None

    @property
    def halo(self) -> int:
        """Pixels around each tile that only give context: the radius, or what neighbours fade into one another over."""
        return BLENDED_HALO if self.radius is None else self.radius
