"""Reads folders of images into a cache that several runs may share."""

import importlib.util
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from keras_lisr.data.image_pairs import ImagePairs, read_pairs

VALIDATED_SIDE = 8  # Smallest side of validation images, in low-resolution pixels.


def read_folder(folder: Path, cache: Path, scale: int, **options: Any) -> ImagePairs:
    """Reads the pairs of a folder through the cache; `options` as for `read_pairs`."""
    return read_pairs(folder, scale, store=find_store(cache, folder), progress=progress_bar(), **options)


def find_store(cache: Path, folder: Path) -> Path:
    """Returns the cache's folder for the images of a folder and a teacher's labels of them."""
    return cache / f"{folder.resolve().name}_{zlib.crc32(bytes(folder.resolve())):08x}"


def progress_bar() -> Callable | None:
    """Returns a progress bar for terminals, None without tqdm: a rented machine may have JAX, NumPy and little else."""
    if not importlib.util.find_spec("tqdm"):
        return None
    from tqdm import tqdm

    return partial(tqdm, unit=" images", disable=None, leave=False)
