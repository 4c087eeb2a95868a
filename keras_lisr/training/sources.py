"""Where images come from on disk: folders, decoded once into a cache, and packed files."""

import importlib.util
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

from keras_lisr.data.image_pairs import ImagePairs, pair_images, read_pairs
from keras_lisr.data.patches import unpack_images

VALIDATED_SIDE = 8  # Low-resolution pixels, below which an image is not validated on.


def read_source(
    source: Path,
    scale: int,
    smallest_side: int,
    cache: Path,
    part: str = "train",
    low_resolution: str | Path | None = None,
) -> ImagePairs:
    """The pairs of a packed file, in memory, or of a folder, decoded into the cache."""
    if source.is_file():
        return pair_images(unpack_images(source), scale)
    store = find_store(cache, source)
    return read_pairs(
        source,
        scale,
        smallest_side=smallest_side,
        part=part,
        low_resolution=low_resolution,
        store=store,
        progress=progress_bar(),
    )


def progress_bar() -> Callable | None:
    """What shows bars on terminals; a rented machine may have JAX, NumPy and little else."""
    if not importlib.util.find_spec("tqdm"):
        return None
    from tqdm import tqdm

    return partial(tqdm, unit=" images", disable=None, leave=False)


def find_store(cache: Path, source: Path) -> Path:
    """The folder of a cache for the images of another, and for a teacher's labels of them."""
    return cache / f"{source.resolve().name}_{zlib.crc32(bytes(source.resolve())):08x}"
