"""Computes the size of a result, and the steps to reach it."""

import math
from dataclasses import dataclass

LARGEST_SCALE = 256  # Four passes of a network for x4.
LARGEST_SIDE = 2**31 - 1  # No format has more.


@dataclass(frozen=True)
class Size:
    """Size of a result; by default, that of the network's scale.

    Args:
        scale: Scale factor; any number, such as 1.5.
        width: Width in pixels. Without `height`, the aspect ratio stays.
        height: Height in pixels. Without `width`, the aspect ratio stays.
        max_megapixels: Largest number of millions of pixels; a larger result shrinks in both directions.

    Raises:
        ValueError: If one is not a positive number, or `scale` is given beside `width` or `height`.

    Example:

    >>> Size(width=300).of(100, 200, network_scale=4)
    (150, 300)
    >>> Size(scale=8).passes(100, 200, network_scale=4)
    2
    """

    scale: float | None = None
    width: int | None = None
    height: int | None = None
    max_megapixels: float | None = None

    def __post_init__(self):
        for name, types in (("scale", (int, float)), ("max_megapixels", (int, float)), ("width", int), ("height", int)):
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, types) or not 0 < value < math.inf:
                kind = "integer" if types is int else "number"
                raise ValueError(f"`{name}` must be a positive {kind} or None. Received: {name}={value!r}")
        if self.scale is not None and (self.width or self.height):
            raise ValueError(
                "`scale` must be None where `width` or `height` is given. "
                f"Received: scale={self.scale}, width={self.width}, height={self.height}"
            )

    def of(self, height: int, width: int, network_scale: int) -> tuple[int, int]:
        """Returns the height and width of the result for a picture of that size.

        Raises:
            ValueError: If a side is more than 256 times as long as that of the picture, or no format can hold it.
        """
        if self.width and self.height:
            wanted = self.height, self.width
        elif self.width:
            wanted = round_side(height * self.width / width), self.width
        elif self.height:
            wanted = self.height, round_side(width * self.height / height)
        else:
            scale = self.scale or network_scale
            wanted = round_side(height * scale), round_side(width * scale)
        if self.max_megapixels and math.prod(wanted) > (most := self.max_megapixels * 1e6):
            shrunk = [max(1, math.floor(side * math.sqrt(most / math.prod(wanted)) + 1e-9)) for side in wanted]
            wanted = min(shrunk[0], max(1, int(most / shrunk[1]))), min(shrunk[1], max(1, int(most / shrunk[0])))
        if max(wanted[0] / height, wanted[1] / width) > LARGEST_SCALE or max(wanted) > LARGEST_SIDE:
            raise ValueError(
                f"The result must be at most {LARGEST_SCALE} times as large along a side as the picture, and at most "
                f"{LARGEST_SIDE} pixels. Received: {wanted[1]} x {wanted[0]} pixels from {width} x {height}"
            )
        return wanted

    def passes(self, height: int, width: int, network_scale: int) -> int:
        """Returns the number of passes of the network until the picture is at least as large as the result.

        It is 0 where the result is not larger than the picture, which is resized only.

        Raises:
            ValueError: As `of`, or if the network does not enlarge and the result is larger.
        """
        wanted = self.of(height, width, network_scale)
        passes, reached = 0, 1
        while wanted[0] > height * reached or wanted[1] > width * reached:
            if network_scale < 2:
                raise ValueError(
                    f"The result must not be larger than the picture for a network of scale {network_scale}. "
                    f"Received: {wanted[1]} x {wanted[0]} pixels from {width} x {height}"
                )
            passes += 1
            reached *= network_scale
        return passes

    def note(self, height: int, width: int, network_scale: int) -> str:
        """Describes everything besides one pass of the network; empty if there is nothing else."""
        wanted, passes = self.of(height, width, network_scale), self.passes(height, width, network_scale)
        reached = network_scale**passes
        steps = []
        if passes == 0:
            steps.append("without the network, which only enlarges")
        elif passes > 1:
            steps.append(f"{passes} passes of the network (x{reached})")
        if wanted != (height * reached, width * reached):
            steps.append(f"resized to {wanted[1]} x {wanted[0]} pixels")
        return ", ".join(steps)


NETWORK_SCALE = Size()


def round_side(side: float) -> int:
    """Returns the nearest whole number of pixels, at least one."""
    return max(1, math.floor(side + 0.5))
