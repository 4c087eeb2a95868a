"""Pairs of aligned low- and high-resolution images to train on: in memory, or mapped from disk."""

import hashlib
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from keras_lisr.data.image_folder import read_rgb
from keras_lisr.data.image_store import Held, HeldImages, Item, crop_to_multiple, hold_images, open_image
from keras_lisr.data.imresize import imresize
from keras_lisr.data.pair_files import find_pairs, shorten

FINGERPRINT_ROWS = 8  # Of each image, or one more.


@dataclass(frozen=True, eq=False)
class ImagePairs:
    """Aligned uint8 images `(height, width, 3)`.

    Args:
        names: Name of each pair.
        low_resolution: Images, each side a `scale`-th of the other's.
        high_resolution: Images.
        left_out: Reasons why images were left out, by name.
        labels: A teacher's results for the images of low resolution, see `keras_lisr.training.teacher`.
        teacher: Name of the teacher.
    """

    names: Sequence[str]
    low_resolution: Sequence[np.ndarray]
    high_resolution: Sequence[np.ndarray]
    left_out: dict[str, str] = field(default_factory=dict)
    labels: Sequence[np.ndarray] | None = None
    teacher: str | None = None

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return iter(zip(self.low_resolution, self.high_resolution, strict=True))

    def select(self, names: Iterable[str]) -> "ImagePairs":
        """Returns the pairs of these names, in this order."""
        position = {name: i for i, name in enumerate(self.names)}
        chosen = [position[name] for name in names]
        return ImagePairs(
            [self.names[i] for i in chosen],
            pick(self.low_resolution, chosen),
            pick(self.high_resolution, chosen),
            labels=None if self.labels is None else pick(self.labels, chosen),
            teacher=self.teacher,
        )

    def fingerprint(self) -> str:
        """Returns a hexadecimal digest of the pairs in this order, whatever their names.

        It covers the size and a few rows of each image, so that a set on disk need not be read in full.
        """
        digest = hashlib.sha256()
        for image in (*self.low_resolution, *self.high_resolution):
            rows = image[:: max(1, len(image) // FINGERPRINT_ROWS)]
            digest.update(repr(image.shape).encode() + rows.tobytes())
        return digest.hexdigest()


def pick(images: Sequence[np.ndarray], positions: Sequence[int]) -> Sequence[np.ndarray]:
    """Returns the images at these positions, in this order."""
    return images.pick(positions) if isinstance(images, HeldImages) else [images[i] for i in positions]


def pair_images(images: Any, scale: int) -> ImagePairs:
    """Pairs images in memory with those of low resolution, which `imresize` makes where they are not given.

    Args:
        images: uint8 `(height, width, 3)`, cropped to multiples of `scale`; or pairs of these, low resolution first or
            as TFDS has them, `{"lr": ..., "hr": ...}`. One by one or in batches: a list, a dictionary by their names, a
            `tf.data.Dataset`, a `PyDataset` or another iterable, all of which is read into memory; or one such pair of
            batches. Pairs that were made here are returned as they are.
        scale: Upscaling factor.

    Raises:
        ValueError: If they are none of that, endless, pairs whose sizes do not differ by `scale`, or single images of
            which half are smaller by it.
    """
    if isinstance(images, ImagePairs):
        return images
    is_endless = hasattr(images, "cardinality") and int(images.cardinality()) == -1
    if is_endless or getattr(images, "num_batches", 0) is None:
        raise ValueError(f"`images` must have an end, without `repeat`. Received: {type(images).__name__}")
    if isinstance(images, tuple) or is_tfds_pair(images):
        images = [images]
    if not isinstance(images, Iterable) and not hasattr(images, "__getitem__"):
        raise ValueError(f"`images` must be images or pairs of them. Received: {type(images).__name__}")
    low, high, sides = {}, {}, []
    for key, element in images.items() if isinstance(images, Mapping) else enumerate(images):
        for i, (*given, original) in enumerate(split_element(element, key)):
            name = f"{key}_{i}" if i else str(key)
            high[name] = crop_to_multiple(original, scale)
            sides += [] if given else [original.shape[:2]]
            for image in given:
                low[name] = image
                if image.shape[:2] != tuple(side // scale for side in original.shape[:2]):
                    raise ValueError(
                        f"`images` must be pairs of low and high resolution that differ by x{scale}. "
                        f"Received: shapes {image.shape} and {original.shape} in element {key}"
                    )
    sides.sort(key=math.prod)
    small, large = sides[: len(sides) // 2], sides[len(sides) // 2 :]
    if small and small == [(height // scale, width // scale) for height, width in large]:
        raise ValueError(
            f"`images` must be originals, or pairs as tuples (low, high) or dictionaries {{'lr': low, 'hr': high}}. "
            f"Received: single images, half of which are smaller by x{scale}, as {small[0]} beside {large[0]}"
        )
    alone = [name for name in high if name not in low]
    with ThreadPoolExecutor() as threads:
        made = threads.map(lambda name: imresize(high[name], 1 / scale), alone)
        low |= dict(zip(alone, made, strict=True))
    return ImagePairs(list(high), [low[name] for name in high], list(high.values()))


def is_tfds_pair(element: Any) -> bool:
    """Checks whether an element holds images of low and of high resolution by TFDS's names."""
    return isinstance(element, Mapping) and set(element) == {"lr", "hr"}


def split_element(element: Any, key: Any) -> list[tuple[np.ndarray, ...]]:
    """Returns the images of an element, or its pairs of low and high resolution: several if it is a batch."""
    parts = (element["lr"], element["hr"]) if is_tfds_pair(element) else element
    batches = [to_images(part, key) for part in (parts if isinstance(parts, tuple | list) else (parts,))]
    if len(batches) > 2 or len({len(batch) for batch in batches}) > 1:
        raise ValueError(
            f"`images` must be single, or pairs of low and high resolution. Received: {len(batches)} parts in "
            f"element {key}, of {', '.join(str(len(batch)) for batch in batches)} images"
        )
    return list(zip(*batches, strict=True))


def to_images(part: Any, key: Any) -> list[np.ndarray]:
    """Returns the images of an array, a batch or a list."""
    if isinstance(part, list | tuple):
        return [image for one in part for image in to_images(one, key)]
    array = np.asarray(part) if hasattr(part, "dtype") else np.array(None)
    if array.dtype != np.uint8 or array.ndim not in (3, 4) or array.shape[-1] != 3:
        received = f"{array.dtype} of shape {array.shape}" if array.ndim else type(part).__name__
        raise ValueError(
            f"`images` must be uint8 RGB (height, width, 3), such as np.array(image.convert('RGB')) of Pillow's or "
            f"(255 * image).round().astype('uint8') of floats in [0, 1]. Received: {received} in element {key}"
        )
    return list(array) if array.ndim == 4 else [array]


def read_pairs(
    folder: str | Path,
    scale: int,
    *,
    smallest_side: int = 1,
    part: str = "train",
    low_resolution: str | Path | None = None,
    store: Path | None = None,
    progress: Callable[..., Any] | None = None,
) -> ImagePairs:
    """Reads the images of a folder, each once, into memory or into files of raw pixels.

    Images that are broken or too small are left out, with a message.

    Args:
        folder: Any folder of images, with those below it, or of pairs, see `find_pairs`.
        scale: Upscaling factor.
        smallest_side: Height and width, in pixels of the high resolution, below which an image is left out.
        part: As for `find_pairs`.
        low_resolution: Likewise.
        store: Folder for those files, made or gone on with; None holds the images in memory.
        progress: Called with what is iterated over, `total` and `desc`, it returns an iterator, as `tqdm.tqdm` does.

    Raises:
        ValueError: If no image is left, or as `find_pairs` says.
        OSError: If a file cannot be written.
    """
    files = find_pairs(folder, scale, part, low_resolution)
    hold = partial(hold_images, store=store, progress=progress)
    items = [Item(pair.name, identity(pair.high_resolution), partial(read_rgb, pair.high_resolution)) for pair in files]
    high, left_out = hold("high_resolution", items)
    readable = [pair for pair in files if pair.name in high]
    items = [
        Item(
            pair.name,
            [identity(pair.high_resolution), pair.low_resolution and identity(pair.low_resolution)],
            partial(read_low_resolution, pair.low_resolution, high[pair.name], scale),
        )
        for pair in readable
    ]
    low, problems = hold(f"low_resolution_x{scale}", items)
    left_out |= problems
    for name, held in high.items():
        height, width = held.shape[:2]
        if min(height, width) < smallest_side:
            left_out.setdefault(name, f"{width} x {height} pixels, less than {smallest_side}")
    if left_out:
        reasons = [f"{name} ({reason})" for name, reason in left_out.items()]
        logging.getLogger(__name__).warning("%d of %d images left out: %s", len(left_out), len(files), shorten(reasons))
    names = [pair.name for pair in files if pair.name not in left_out]
    if not names:
        raise ValueError(
            f"`folder` must hold images of at least {smallest_side} x {smallest_side} pixels. "
            f"Received: folder={str(folder)!r}, of which nothing is left"
        )
    return ImagePairs(
        names, HeldImages([low[name] for name in names]), HeldImages([high[name] for name in names], scale), left_out
    )


def read_low_resolution(file: Path | None, high: Held, scale: int) -> np.ndarray:
    """Reads an image of low resolution and checks that its size fits the original's, or makes it."""
    if file is None:
        return imresize(crop_to_multiple(open_image(high), scale), 1 / scale)
    low_resolution = read_rgb(file)
    sides = tuple(length // scale for length in high.shape[:2])
    if low_resolution.shape[:2] != sides:
        raise ValueError(
            f"{file} must be {sides} large, x{scale} of {high.shape[:2]}. Received: {low_resolution.shape[:2]}"
        )
    return low_resolution


def identity(file: Path) -> list[int]:
    """Returns the size and time of a file, which change with it."""
    status = file.stat()
    return [status.st_size, status.st_mtime_ns]
