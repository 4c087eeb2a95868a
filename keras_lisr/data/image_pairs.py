"""Pairs of aligned low- and high-resolution images to train on: in memory, or mapped from disk."""

import hashlib
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_lisr.data.image_folder import image_files, read_rgb
from keras_lisr.data.image_store import Held, HeldImages, Item, crop_to_multiple, hold_images, open_image
from keras_lisr.data.imresize import imresize

SHOWN = 10  # Of the images that are left out; run.json has them all.
FINGERPRINT_ROWS = 8  # Of each image, or one more.


@dataclass(frozen=True, eq=False)
class ImagePairs:
    """Aligned uint8 images `(height, width, 3)`.

    Args:
        names: What each pair is called.
        low_resolution: Images, each side a `scale`-th of the other's.
        high_resolution: Images.
        left_out: Why an image is not among them, by name.
        labels: What a teacher makes of the images of low resolution, see `keras_lisr.training.teacher`.
        teacher: What it is called.
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
        """The pairs of these names, in this order."""
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
        """Hexadecimal digits that tell these pairs, in this order, from others; names do not matter.

        Of each image the sizes and a few rows are looked at, so that a set on disk need not be read.
        """
        digest = hashlib.sha256()
        for image in (*self.low_resolution, *self.high_resolution):
            rows = image[:: max(1, len(image) // FINGERPRINT_ROWS)]
            digest.update(repr(image.shape).encode() + rows.tobytes())
        return digest.hexdigest()


def pick(images: Sequence[np.ndarray], positions: Sequence[int]) -> Sequence[np.ndarray]:
    """The images at these positions, in this order."""
    return images.pick(positions) if isinstance(images, HeldImages) else [images[i] for i in positions]


def pair_images(images: Sequence[np.ndarray] | dict[str, np.ndarray], scale: int) -> ImagePairs:
    """Pairs images in memory with what `imresize` makes of them.

    Args:
        images: uint8 `(height, width, 3)`, perhaps by name; cropped to multiples of `scale`.
        scale: Upscaling factor.
    """
    named = images if isinstance(images, dict) else {str(i): image for i, image in enumerate(images)}
    high_resolution = [crop_to_multiple(image, scale) for image in named.values()]
    with ThreadPoolExecutor() as threads:
        low_resolution = list(threads.map(partial(imresize, scale=1 / scale), high_resolution))
    return ImagePairs(list(named), low_resolution, high_resolution)


def read_pairs(
    folder: str | Path,
    scale: int,
    *,
    smallest_side: int = 1,
    part: str = "train",
    store: Path | None = None,
    progress: Callable[..., Any] | None = None,
) -> ImagePairs:
    """Reads the images of a folder, each once, into memory or into files of raw pixels.

    Images that are broken or too small are left out, with a message.

    Args:
        folder: Any folder of images, with those below it. DIV2K's layout is recognised, see `find_pairs`.
        scale: Upscaling factor.
        smallest_side: Height and width, in pixels of the high resolution, below which an image is left out.
        part: As for `find_pairs`.
        store: Folder for those files, made or gone on with; None holds the images in memory.
        progress: Called with what is iterated over, `total` and `desc`, it returns an iterator, as `tqdm.tqdm` does.

    Raises:
        ValueError: If no image is left.
        OSError: If a file cannot be written.
    """
    files = find_pairs(folder, scale, part)
    hold = partial(hold_images, store=store, progress=progress)
    high, left_out = hold("high_resolution", [high_resolution_item(pair) for pair in files])
    readable = [pair for pair in files if pair.name in high]
    low, problems = hold(
        f"low_resolution_x{scale}", [low_resolution_item(pair, high[pair.name], scale) for pair in readable]
    )
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


class PairFiles(NamedTuple):
    """Files of one pair; without `low_resolution`, `imresize` makes it."""

    name: str
    high_resolution: Path
    low_resolution: Path | None


def find_pairs(folder: str | Path, scale: int, part: str = "train") -> list[PairFiles]:
    """Lists the images of a folder and those of low resolution that belong to them.

    The layout of DIV2K and of the benchmark sets is recognised: `HR/0001.png` or `DIV2K_train_HR/0001.png` beside
    `LR_bicubic/X4/0001x4.png` or `DIV2K_train_LR_bicubic/X4/0001x4.png`, whether `folder` is the one that holds them or
    the one of high resolution. Low-resolution files are used if there is one for every image, and otherwise none, with
    a warning where some are there.

    Args:
        folder: Folder to search, with those below it.
        scale: Upscaling factor.
        part: Part of a data set that is taken where `folder` holds several, `DIV2K_train_HR` and `DIV2K_valid_HR`.

    Raises:
        ValueError: If there are no images.
    """
    pairs = []
    for high_folder, file in high_resolution_files(Path(folder), part):
        name = file.relative_to(high_folder)
        low_folder = high_folder.with_name(re.sub("HR$", "LR_bicubic", high_folder.name)) / f"X{scale}"
        low_file = low_folder / name.with_name(f"{name.stem}x{scale}{name.suffix}")
        pairs.append(PairFiles(name.as_posix(), file, low_file if low_file.is_file() else None))
    if len({pair.name for pair in pairs}) < len(pairs):  # Of several folders.
        pairs = [pair._replace(name=pair.high_resolution.relative_to(folder).as_posix()) for pair in pairs]
    alone = [pair.name for pair in pairs if pair.low_resolution is None]
    if alone and len(alone) < len(pairs):
        logging.getLogger(__name__).warning(
            "%d of %d images in %s have no low-resolution file for x%d, so that all are made: %s",
            len(alone),
            len(pairs),
            folder,
            scale,
            shorten(alone),
        )
    return [pair._replace(low_resolution=None) for pair in pairs] if alone else pairs


def high_resolution_files(folder: Path, part: str) -> list[tuple[Path, Path]]:
    """The images of a folder but for those of low resolution and of other parts, each after the folder that names it.

    That is the `HR` or `..._HR` directly inside `folder` in which it lies, or `folder` itself.
    """
    inside = [path for path in folder.glob("*HR") if re.fullmatch(r"(.*_)?HR", path.name) and path.is_dir()]
    others = [path for path in inside if part not in path.name and re.search("train|valid|test", path.name)]
    others = others if len(others) < len(inside) else []
    low = [path for high in inside for path in folder.glob(f"{high.name.removesuffix('HR')}LR_*")]
    files = []
    for file in image_files(folder):
        top = folder / file.relative_to(folder).parts[0]
        if top not in others and top not in low:
            files.append((top if top in inside else folder, file))
    return files


def high_resolution_item(pair: PairFiles) -> Item:
    """How the image of a pair is made, and from what."""
    return Item(pair.name, identity(pair.high_resolution), partial(read_rgb, pair.high_resolution))


def low_resolution_item(pair: PairFiles, high: Held, scale: int) -> Item:
    """How the low-resolution image of a pair is made, and from what."""
    source = [identity(pair.high_resolution), pair.low_resolution and identity(pair.low_resolution)]
    return Item(pair.name, source, partial(read_low_resolution, pair.low_resolution, high, scale))


def read_low_resolution(file: Path | None, high: Held, scale: int) -> np.ndarray:
    """Reads an image of low resolution and checks that it has the size that belongs to the other, or makes it."""
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
    """What tells whether a file has changed: size and time."""
    status = file.stat()
    return [status.st_size, status.st_mtime_ns]


def shorten(texts: Sequence[str]) -> str:
    """Names the first few of many."""
    more = f", and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return ", ".join(texts[:SHOWN]) + more
