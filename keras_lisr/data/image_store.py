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
    """A `.npy` file whose header has been read, which takes longer than to map the file."""

    file: Path
    shape: tuple[int, int, int]
    offset: int


Held = np.ndarray | ImageFile


class Item(NamedTuple):
    """An image that is wanted.

    Args:
        name: Its name, unlike any other's.
        source: What it is made from, of what JSON can hold; of another source it is another image.
        read: Makes it, uint8 `(height, width, 3)`; a ValueError says why there is none.
    """

    name: str
    source: Any
    read: Callable[[], np.ndarray]


class HeldImages(Sequence[np.ndarray]):
    """Images in memory or in files.

    A file is mapped anew each time its image is asked for: a map is an open file, of which a process may have a
    thousand.

    Args:
        held: Each image, or the file that it is in.
        multiple: What the sides are cropped to multiples of.
    """

    def __init__(self, held: Sequence[Held], multiple: int = 1):
        self.held = held
        self.multiple = multiple

    def __len__(self) -> int:
        return len(self.held)

    def __getitem__(self, index):
        return crop_to_multiple(open_image(self.held[index]), self.multiple)

    def pick(self, positions: Sequence[int]) -> "HeldImages":
        """The images at these positions, in this order."""
        return HeldImages([self.held[i] for i in positions], self.multiple)


def hold_images(
    name: str, items: Sequence[Item], store: Path | None = None, progress: Callable[..., Any] | None = None
) -> tuple[dict[str, Held], dict[str, str]]:
    """Makes images in parallel, in memory or in a folder, where those that are there already are not made again.

    Args:
        name: What they are together.
        items: The images wanted.
        store: Where the folder of that name is, made if it is absent; memory if not given.
        progress: As for `read_pairs`.

    Returns:
        What is held, by name, and why some images could not be made, by name.

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
    """The image, or the file that holds it, or why there is none."""
    file = None if folder is None else folder / file_name(item)
    if file is not None and file.exists():
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
    """What has to be known to map a file."""
    image = np.load(file, mmap_mode="r")
    return ImageFile(file, image.shape, image.offset)


def file_name(item: Item) -> str:
    """Tells an image of this name and source from any other."""
    digest = hashlib.sha256(json.dumps([item.name, item.source]).encode()).hexdigest()
    return f"{Path(item.name).stem[:40]}_{digest[:16]}.npy"


def open_image(held: Held) -> np.ndarray:
    """An image in memory, or the map of one in a file."""
    if isinstance(held, np.ndarray):
        return held
    # As a plain array: slices of `memmap` take twice as long.
    return np.asarray(np.memmap(held.file, np.uint8, "r", held.offset, held.shape))


def crop_to_multiple(image: np.ndarray, scale: int) -> np.ndarray:
    """The image without the rows and columns at its end that are too many for sides divisible by `scale`, as a view."""
    height, width = image.shape[:2]
    return image[: height - height % scale, : width - width % scale]
