"""Aligned training patches, drawn from uint8 images in memory or mapped from disk, with NumPy alone.

The sampler is a pure function of its seed and the step, so every backend and every number of workers sees the same
patches in the same order, and a run that resumes at step n goes on with exactly the patches it would have seen.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_lisr.data.degradation import Degradation
from keras_lisr.data.image_pairs import pair_images


class PatchSampler:
    """Random aligned low- and high-resolution patches under the eight flips and rotations.

    Every pass over the images is a new permutation of them, one patch an image. With `candidates` above one, the flat
    patches are left out: sky and blurred background teach a network little and cost a step as much as anything else.

    Args:
        images: As for `pair_images`, each side of high resolution at least `patch_size`.
        scale: Upscaling factor.
        patch_size: Side of the high-resolution patch, a multiple of `scale`.
        batch_size: Patches in a batch.
        seed: Seed of the order, the positions and the flips.
        candidates: Patches drawn for every one that is kept; a batch is the most detailed of `candidates` times as
            many.
        degradation: Makes the low-resolution patches from the others, each time anew, in place of the images of low
            resolution.
        smooth_share: Share of the patches that are plain colours and gradients, which keep a network from tinting flat
            areas.
        label_share: Weight of the labels in the high-resolution patches of a step, from 0 to 1; the images have the
            rest. By default 1, where the pairs have labels.

    Raises:
        ValueError: As `pair_images` says, or if there are no images, one is smaller than a patch, `patch_size` is not a
            multiple of `scale`, or a patch is too small to choose by detail.

    Example:

    >>> images = [np.zeros((64, 48, 3), np.uint8)] * 3
    >>> low_resolution, high_resolution = PatchSampler(images, scale=4, patch_size=32, batch_size=16).batch(step=0)
    >>> low_resolution.shape, high_resolution.shape
    ((16, 8, 8, 3), (16, 32, 32, 3))
    """

    def __init__(
        self,
        images: Any,
        *,
        scale: int,
        patch_size: int,
        batch_size: int,
        seed: int = 0,
        candidates: int = 1,
        degradation: Degradation | None = None,
        smooth_share: float = 0.0,
        label_share: Callable[[int], float] = lambda step: 1.0,
    ):
        if patch_size % scale:
            raise ValueError(
                f"`patch_size` must be a multiple of `scale`. Received: patch_size={patch_size}, scale={scale}"
            )
        if candidates > 1 and patch_size < 3 * scale:
            raise ValueError(
                f"`patch_size` must be at least three times `scale` to choose by detail. "
                f"Received: patch_size={patch_size}, scale={scale}"
            )
        pairs = pair_images(images, scale)
        if not len(pairs):
            raise ValueError("`images` must hold at least one image. Received none.")
        smallest = min(min(image.shape[:2]) for image in pairs.high_resolution)
        if smallest < patch_size:
            raise ValueError(
                f"Every image must be at least `patch_size` pixels on each side. "
                f"Received: patch_size={patch_size}, smallest side={smallest}"
            )
        self.low_resolution, self.high_resolution = pairs.low_resolution, pairs.high_resolution
        self.labels = pairs.labels
        self._low_sizes = np.array([image.shape[:2] for image in self.low_resolution])
        self.scale = scale
        self.patch_size = patch_size
        self.batch_size = batch_size
        self.seed = seed
        self.candidates = candidates
        self.degradation = degradation
        self.smooth_share = smooth_share
        self.label_share = label_share

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the batch of training step `step`, counted from 0.

        Returns:
            uint8 `(batch_size, patch_size / scale, patch_size / scale, 3)` and `(batch_size, patch_size, patch_size,
            3)`.
        """
        low_size = self.patch_size // self.scale
        low_patches = np.empty((self.batch_size, low_size, low_size, 3), np.uint8)
        high_patches = np.empty((self.batch_size, self.patch_size, self.patch_size, 3), np.uint8)
        images = self._images(step)
        random = np.random.default_rng((self.seed, step))
        corners = random.integers(0, self._low_sizes[images] - low_size, endpoint=True)
        if self.candidates > 1:
            details = [
                detail(crop(self.low_resolution[image], corner, low_size))
                for image, corner in zip(images, corners, strict=True)
            ]
            kept = np.sort(np.argsort(details, kind="stable")[-self.batch_size :])
            images, corners = images[kept], corners[kept]
        orientations = random.integers(8, size=self.batch_size)
        for i, (image, corner, orientation) in enumerate(zip(images, corners, orientations, strict=True)):
            high_resolution = self.high_resolution[image]
            if self.degradation is None:
                low_patch = crop(self.low_resolution[image], corner, low_size)
            else:
                low_patch = self.degradation.crop(high_resolution, corner, low_size, self.scale, random)
            high_patch = self._target(image, corner * self.scale, self.label_share(step))
            pixels(low_patches)[i] = dihedral(pixels(low_patch), orientation)
            pixels(high_patches)[i] = dihedral(pixels(high_patch), orientation)
        if self.smooth_share:
            for smooth in np.flatnonzero(random.random(self.batch_size) < self.smooth_share):
                low_patches[smooth], high_patches[smooth] = smooth_patches(random, (low_size, self.patch_size))
        return low_patches, high_patches

    def _target(self, image: int, corner: np.ndarray, label_share: float) -> np.ndarray:
        """Returns the high-resolution patch, with labels mixed with the teacher's result."""
        if self.labels is None or label_share == 0:
            return crop(self.high_resolution[image], corner, self.patch_size)
        label = crop(self.labels[image], corner, self.patch_size)
        if label_share == 1:
            return label
        original = crop(self.high_resolution[image], corner, self.patch_size)
        return np.rint(label_share * label + (1 - label_share) * original.astype(np.float32)).astype(np.uint8)

    def _images(self, step: int) -> np.ndarray:
        """Returns the indices of the images that the candidates of batch `step` are cut from."""
        count, drawn = len(self.high_resolution), self.batch_size * self.candidates
        positions = np.arange(step * drawn, (step + 1) * drawn)
        passes = positions // count
        orders = {p: np.random.default_rng((self.seed, p, 1)).permutation(count) for p in np.unique(passes)}
        return np.array([orders[p][position % count] for p, position in zip(passes, positions, strict=True)])


def pixels(images: np.ndarray) -> np.ndarray:
    """Returns a view of uint8 RGB in which a pixel is one item, which NumPy flips twice as fast as three bytes."""
    return images.view("V3")[..., 0]


def crop(image: np.ndarray, corner: np.ndarray, size: int) -> np.ndarray:
    """Returns a view of the square of side `size` whose first pixel is at `corner`, row and column."""
    top, left = corner
    return image[top : top + size, left : left + size]


def smooth_patches(random: np.random.Generator, sizes: Sequence[int]) -> list[np.ndarray]:
    """Returns squares of several sizes that show one colour or, half of the time, one gradient of up to 80 levels."""
    colour = random.uniform(0, 255, 3)
    down, across = random.choice([0, 40]) * random.uniform(-1, 1, (2, 3))
    patches = []
    for size in sizes:
        place = ((np.arange(size) + 0.5) / size - 0.5)[:, None]
        values = colour + (place * down)[:, None] + (place * across)[None]
        patches.append(np.rint(values).clip(0, 255).astype(np.uint8))
    return patches


def detail(image: np.ndarray) -> float:
    """Measures the detail of a patch: its mean absolute second difference, down and across."""
    image = image.astype(np.int16)  # Sums of integers are the same on every machine.
    return sum(float(np.abs(np.diff(image, 2, axis=axis)).mean()) for axis in (0, 1))


def dihedral(image: np.ndarray, orientation: int) -> np.ndarray:
    """Returns a view of a square image in one of eight orientations: quarter turns, from 4 on after a flip."""
    return np.rot90(image[:, ::-1] if orientation >= 4 else image, orientation % 4)
