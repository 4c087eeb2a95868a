"""Benchmark sets such as Set5 and Set14: pairs of a low-resolution image and its original."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_lisr.data.image_folder import read_rgb
from keras_lisr.data.imresize import imresize


class BenchmarkImage(NamedTuple):
    """One image of a benchmark set: `uint8` RGB arrays, the second `scale` times the size of the first."""

    name: str
    low_resolution: np.ndarray
    high_resolution: np.ndarray


@dataclass(frozen=True)
class BenchmarkSet:
    """A folder of benchmark images at one scale, read while it is iterated.

    The layout is the one of the public archives:

        Set5/HR/baby.png
        Set5/LR_bicubic/X4/babyx4.png

    The low-resolution files are used if there is one for every original, and otherwise none of them: `imresize` makes
    all. `low_resolution_source` says which. Files without an original are ignored. Originals are cropped to a multiple
    of `scale`, bottom and right.

    Grey images are replicated to RGB, as the PyTorch code bases of the field do. MATLAB scripts compare the grey values
    of Set14's `bridge` as they are, without the conversion to luma: their mean over Set14 is 0.094 dB lower.

    Args:
        folder: Folder that holds `HR`.
        scale: Integer upscaling factor.

    Raises:
        ValueError: If `scale` isn't an integer above 1 or there is no `HR/*.png` in `folder`.

    Example:
        for name, low_resolution, high_resolution in BenchmarkSet("benchmarks/Set5", scale=4):
            ...
    """

    folder: str | Path
    scale: int

    def __post_init__(self) -> None:
        """Checks the arguments."""
        if not isinstance(self.scale, int) or self.scale < 2:
            raise ValueError(f"`scale` must be an integer above 1. Received: scale={self.scale}")
        if not self._files:
            raise ValueError(f"`folder` must hold HR/*.png. Received: folder={self.folder}")

    def __len__(self) -> int:
        """Number of images."""
        return len(self._files)

    def __iter__(self) -> Iterator[BenchmarkImage]:
        """Reads one image after the other, in the order of their names.

        Raises:
            ValueError: If a file is broken, or a low-resolution image is too large for its original.
        """
        for file in self._files:
            high_resolution = read_rgb(file)
            if self._has_low_resolution_files:
                low_resolution = read_rgb(self._low_resolution_file(file))
                height, width = (self.scale * length for length in low_resolution.shape[:2])
                if height > high_resolution.shape[0] or width > high_resolution.shape[1]:
                    raise ValueError(
                        f"{file} must be at least {self.scale} times as large as its low-resolution image. "
                        f"Received: shapes {low_resolution.shape} and {high_resolution.shape}"
                    )
                high_resolution = high_resolution[:height, :width]
            else:
                height, width = (length - length % self.scale for length in high_resolution.shape[:2])
                high_resolution = high_resolution[:height, :width]
                low_resolution = imresize(high_resolution, 1 / self.scale)
            yield BenchmarkImage(file.stem, low_resolution, high_resolution)

    @property
    def name(self) -> str:
        """Name of the folder, such as `"Set5"`."""
        return Path(self.folder).resolve().name

    @property
    def low_resolution_source(self) -> str:
        """Where the low-resolution images come from: a folder such as `"LR_bicubic/X4"`, or `"imresize"`."""
        return f"LR_bicubic/X{self.scale}" if self._has_low_resolution_files else "imresize"

    @cached_property
    def _files(self) -> list[Path]:
        return sorted(Path(self.folder).glob("HR/*.png"))

    @cached_property
    def _has_low_resolution_files(self) -> bool:
        return all(self._low_resolution_file(file).is_file() for file in self._files)

    def _low_resolution_file(self, file: Path) -> Path:
        return Path(self.folder) / "LR_bicubic" / f"X{self.scale}" / f"{file.stem}x{self.scale}.png"
