"""Benchmark sets such as Set5 and Set14: pairs of a low-resolution image and its original."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_lisr.data.image_folder import read_rgb
from keras_lisr.data.image_pairs import read_low_resolution
from keras_lisr.data.image_store import crop_to_multiple
from keras_lisr.data.pair_files import PairFiles, find_pairs, shorten

DATA_ROOT = "KERAS_LISR_DATA"


class BenchmarkImage(NamedTuple):
    """One image of a benchmark set: `uint8` RGB arrays, the second `scale` times the size of the first."""

    name: str
    low_resolution: np.ndarray
    high_resolution: np.ndarray


@dataclass(frozen=True)
class BenchmarkSet:
    """A folder of benchmark images at one scale, read while it is iterated.

    The layout is the one of the public archives, DIV2K's own or another that `find_pairs` knows; a folder without any
    holds originals:

        Set5/HR/baby.png
        Set5/LR_bicubic/X4/babyx4.png

        DIV2K/DIV2K_valid_HR/0801.png
        DIV2K/DIV2K_valid_LR_bicubic/X4/0801x4.png

    The low-resolution files are used if there is one for every original, and otherwise none of them: `imresize` makes
    all. `low_resolution_source` says which. Files without an original are ignored. Originals are cropped to a multiple
    of `scale`, bottom and right.

    Grey images are replicated to RGB, as the PyTorch code bases of the field do. MATLAB scripts compare the grey values
    of Set14's `bridge` as they are, without the conversion to luma: their mean over Set14 is 0.094 dB lower. So does
    `EvaluationProtocol(rounded_luma=True)`.

    Args:
        folder: Folder that holds `HR`, or that of the originals.
        scale: Integer upscaling factor.
        low_resolution: As for `find_pairs`.

    Raises:
        ValueError: If `scale` isn't an integer above 1, or as `find_pairs` says.

    Example:
        for name, low_resolution, high_resolution in BenchmarkSet("datasets/Set5", scale=4):
            ...
    """

    folder: str | Path
    scale: int
    low_resolution: str | Path | None = None

    def __post_init__(self) -> None:
        """Checks the arguments."""
        if not isinstance(self.scale, int) or self.scale < 2:
            raise ValueError(f"`scale` must be an integer above 1. Received: scale={self.scale}")
        _ = self.pairs  # Raises where there are no images.

    def __len__(self) -> int:
        """Number of images."""
        return len(self.pairs)

    def __iter__(self) -> Iterator[BenchmarkImage]:
        """Reads one image after the other, in the order of their names.

        Raises:
            ValueError: As `read`.
        """
        return map(self.read, self.pairs)

    def read(self, pair: PairFiles) -> BenchmarkImage:
        """Reads one image, of `pairs`.

        Raises:
            ValueError: If a file is broken, or a low-resolution image is not of the size that belongs to its original.
        """
        high_resolution = read_rgb(pair.high_resolution)
        low_resolution = read_low_resolution(pair.low_resolution, high_resolution, self.scale)
        name = str(Path(pair.name).with_suffix(""))
        return BenchmarkImage(name, low_resolution, crop_to_multiple(high_resolution, self.scale))

    @cached_property
    def pairs(self) -> list[PairFiles]:
        """The files of each image, in the order of their names."""
        return find_pairs(self.folder, self.scale, "valid", self.low_resolution)

    @property
    def name(self) -> str:
        """Name of the folder, such as `"Set5"`."""
        return Path(self.folder).resolve().name

    @property
    def low_resolution_source(self) -> str:
        """Source of the low-resolution images: folders such as `"LR_bicubic/X4"`, or `"imresize"`."""
        return shorten(sorted({pair.source for pair in self.pairs}))


def find_benchmark_set(name: str | Path, root: str | Path | None = None) -> Path:
    """Finds the folder of a benchmark set by its name, in upper or lower case.

    Args:
        name: Path of a folder, which is returned as it is, or a name such as "set5".
        root: Folder that holds the sets, or whose folder `benchmarks` does; by default, what the environment variable
            `KERAS_LISR_DATA` names.

    Raises:
        ValueError: If there is no such folder.
    """
    if Path(name).is_dir():
        return Path(name)
    root = root or os.environ.get(DATA_ROOT)
    if root is None:
        raise ValueError(
            f"`data` must be a folder, or the name of a set below --data-root or ${DATA_ROOT}, neither of which is "
            f"given. Received: data={str(name)!r}"
        )
    folders = [path for parent in (Path(root), Path(root) / "benchmarks") for path in sorted(parent.glob("*/"))]
    for folder in folders:
        if folder.name.lower() == str(name).lower():
            return folder
    known = ", ".join(folder.name for folder in folders if any(folder.glob("*HR"))) or "none"
    raise ValueError(f"`data` must be a folder or a set of {str(root)!r} ({known}). Received: data={str(name)!r}")
