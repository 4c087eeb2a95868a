"""Folders of images, decoded once into a cache that several runs may share."""

import importlib.util
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from keras_lisr.data.image_pairs import ImagePairs, read_pairs

VALIDATED_SIDE = 8  # Low-resolution pixels, below which an image is not validated on.


def read_folder(folder: Path, cache: Path, scale: int, **options: Any) -> ImagePairs:
    """The pairs of a folder, from their place in the cache; `options` as for `read_pairs`."""
    return read_pairs(folder, scale, store=find_store(cache, folder), progress=progress_bar(), **options)


def find_store(cache: Path, folder: Path) -> Path:
    """The place in a cache for the images of a folder, and for a teacher's labels of them."""
    return cache / f"{folder.resolve().name}_{zlib.crc32(bytes(folder.resolve())):08x}"


def progress_bar() -> Callable | None:
    """What shows bars on terminals; a rented machine may have JAX, NumPy and little else."""
    if not importlib.util.find_spec("tqdm"):
        return None
    from tqdm import tqdm

    return partial(tqdm, unit=" images", disable=None, leave=False)
