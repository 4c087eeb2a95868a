"""Time of `imresize` against Pillow's antialiased bicubic, 2040x1356 RGB at 1/4: `python -m benchmarks.imresize`.

Pillow's filter is the same kernel in fixed-point arithmetic; its border and rounding differ, so its pixels do too.
"""

import timeit
from collections.abc import Callable

import numpy as np
from PIL import Image

from keras_lisr.data.imresize import imresize


def best_milliseconds(function: Callable[[], object], repeats: int = 20) -> float:
    """Returns the shortest time of several calls."""
    return 1000 * min(timeit.repeat(function, number=1, repeat=repeats))


def main() -> None:
    """Prints both times and their ratio."""
    image = np.random.default_rng(0).integers(0, 256, (1356, 2040, 3), dtype=np.uint8)
    picture = Image.fromarray(image)
    ours = best_milliseconds(lambda: imresize(image, 1 / 4))
    pillow = best_milliseconds(lambda: picture.resize((510, 339), Image.Resampling.BICUBIC))
    print(f"imresize {ours:.1f} ms   Pillow {pillow:.1f} ms   ratio {ours / pillow:.2f}")


if __name__ == "__main__":
    main()
