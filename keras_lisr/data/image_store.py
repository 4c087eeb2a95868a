"""Uint8 images, decoded once: in memory, or for sets larger than that in a `.npy` file each, mapped when they are read.

Why there is no other format stands in docs/decisions/0009-image-store.md.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_lisr.basics.whole_files import write_whole


class ImageFile(NamedTuple):
    """A `.npy` file and its header, which takes longer to read than the file to map."""

    file: Path
    shape: tuple[int, int, int]
    offset: int


Held = np.ndarray | ImageFile


class Item(NamedTuple):
    """An image to make under a unique name, by `read`, which returns uint8 `(height, width, 3)` or raises a ValueError.

    `source` is the identity of its source as JSON; when it changes, the image is made again.
    """

    name: str
    source: Any
    read: Callable[[], np.ndarray]


class HeldImages(Sequence[np.ndarray]):
    """Images in memory or in files, their sides cropped to multiples of a number.

    A file is mapped each time its image is asked for: a map is an open file, of which a process may have a thousand.
    """

    def __init__(self, held: Sequence[Held], multiple: int = 1):
        self.held = held
        self.multiple = multiple

    def __len__(self) -> int:
        return len(self.held)

    def __getitem__(self, index):
        return crop_to_multiple(open_image(self.held[index]), self.multiple)

    def pick(self, positions: Sequence[int]) -> "HeldImages":
        """Returns the images at these positions, in this order."""
        return HeldImages([self.held[i] for i in positions], self.multiple)


def hold_images(
    name: str, items: Sequence[Item], store: Path | None = None, progress: Callable[..., Any] | None = None
) -> tuple[dict[str, Held], dict[str, str]]:
    """Makes images in parallel, in memory or in the folder `store / name`, from which existing ones are reused.

    Returns:
        The images, by name, and the reasons why others could not be made, by name.

    Raises:
        OSError: If a file cannot be written; those that were written stay.
    """
    folder = None
    if store is not None:
        folder = store / name
        folder.mkdir(parents=True, exist_ok=True)
    held: dict[str, Held] = {}
    problems: dict[str, str] = {}
    threads = ThreadPoolExecutor()
    try:
        made = threads.map(partial(make, folder=folder), items)
        if progress is not None:
            made = progress(made, total=len(items), desc=name)
        for item, image in zip(items, made, strict=True):
            if isinstance(image, Exception):
                problems[item.name] = str(image)
            else:
                held[item.name] = image
    finally:
        threads.shutdown(cancel_futures=True)
    return held, problems


def make(item: Item, folder: Path | None) -> Held | Exception:
    """Returns the image, the file that holds it, or the error that prevented it."""
    file = None
    if folder is not None:
        digest = hashlib.sha256(json.dumps([item.name, item.source]).encode()).hexdigest()
        file = folder / f"{Path(item.name).stem[:40]}_{digest[:16]}.npy"
        if file.exists():
            return read_header(file)
    try:
        image = np.ascontiguousarray(item.read())
    except (OSError, ValueError) as error:
        return error
    if file is None:
        return image
    with write_whole(file) as partial_file:
        np.save(partial_file, image)
    return read_header(file)


def read_header(file: Path) -> ImageFile:
    """Reads the shape and offset, with which a file can be mapped."""
    image = np.load(file, mmap_mode="r")
    return ImageFile(file, image.shape, image.offset)


def open_image(held: Held) -> np.ndarray:
    """Returns an image in memory, or maps one in a file."""
    if isinstance(held, np.ndarray):
        return held
    # As a plain array: slices of `memmap` take twice as long.
    return np.asarray(np.memmap(held.file, np.uint8, "r", held.offset, held.shape))


def crop_to_multiple(image: np.ndarray, scale: int) -> np.ndarray:
    """Returns a view of the image, cropped at the bottom and right to sides divisible by `scale`."""
    height, width = image.shape[:2]
    return image[: height - height % scale, : width - width % scale]
