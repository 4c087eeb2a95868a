"""What the steps before and after the network take in memory, however high the picture."""

import numpy as np

from keras_lisr.pictures import alpha, drift, resize
from keras_lisr.runtime.rows import BAND

MARGIN = 128 * 2**20  # What libraries allocate on the way, and what memory breaks into pieces.


def working_memory(
    enlarged: tuple[int, int, int], size: tuple[int, int], dtype: np.dtype, scale: int, passes: int = 1
) -> int:
    """Bytes that the steps besides the network hold at most.

    Args:
        enlarged: Height, width and channels of what the network has made of the picture.
        size: Height and width of the result.
        dtype: Type of the pixels.
        scale: The network's.
        passes: How often it enlarges the picture.
    """
    height, width, channels = enlarged
    row = width * channels * dtype.itemsize
    work = 4 * BAND * row  # Bands on their way from one step to the next.
    has_alpha = channels in (2, 4)
    for made in range(1, passes + 1):
        work += drift.working_memory(row // scale ** (passes - made), scale**made, has_alpha)
    if has_alpha:
        window = (alpha.TILE + 2 * alpha.RADII[-1]) ** 2
        work += 10 * 8 * channels * window + 2 * (alpha.TILE + 2 * alpha.RADII[-1]) * row
        work += 3 * resize.BICUBIC_TILE * row
    if size != (height, width):
        step = height / size[0]
        made = resize.result_rows(step)
        first, last = resize.source_rows(0, made, step)
        seen = last - first
        across = width + 2 * resize.reach(width / size[1])
        floats = 4 * (seen * across + made * size[1])
        work += 2 * seen * row * across // width + (2 + channels) * floats
        work += 6 * made * size[1] * channels * dtype.itemsize  # Cells, and copies of some.
    return work
