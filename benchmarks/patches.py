"""How many aligned training patches a second come from memory, from a store on disk, and degraded for real photos.

What the system holds of the store in memory is dropped first.

python -m benchmarks.patches
"""

import argparse
import itertools
import os
import tempfile
import time
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from keras_lisr.data import Degradation, ImagePairs, PatchSampler, pair_images
from keras_lisr.data.image_store import HeldImages, Item, hold_images
from keras_lisr.data.pipeline import patch_dataset

SCALE = 4
PATCH_SIZE = 192
BATCH_SIZE = 16


def main() -> None:
    """Prints patches a second."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1000, help="number of 480 x 480 images")
    parser.add_argument("--batches", type=int, default=200)
    parser.add_argument("--folder", type=Path, help="where the store is made, and left; else a temporary one")
    flags = parser.parse_args()
    random = np.random.default_rng(0)
    images = [random.integers(256, size=(480, 480, 3), dtype=np.uint8) for _ in range(flags.images)]
    in_memory = pair_images(images, SCALE)
    with tempfile.TemporaryDirectory(dir=flags.folder) as folder:
        on_disk = ImagePairs(
            in_memory.names,
            store_images(Path(folder) / "low", in_memory.low_resolution),
            store_images(Path(folder) / "high", in_memory.high_resolution),
        )
        forget(Path(folder))
        print(f"Patches of {PATCH_SIZE // SCALE} -> {PATCH_SIZE} pixels in batches of {BATCH_SIZE}")
        sampler = partial(PatchSampler, scale=SCALE, patch_size=PATCH_SIZE, batch_size=BATCH_SIZE)
        for source, batches in {
            "memory, NumPy on one thread": map(sampler(in_memory).batch, itertools.count()),
            "memory, tf.data": patch_dataset(sampler(in_memory)),
            "disk, tf.data": patch_dataset(sampler(on_disk)),
            "memory, degraded, tf.data": patch_dataset(sampler(in_memory, degradation=Degradation())),
        }.items():
            print(f"{source:30}{patches_a_second(batches, flags.batches):8.0f} patches/s")


def store_images(folder: Path, images: Sequence[np.ndarray]) -> HeldImages:
    """Stores images, to be read through maps of their files."""
    items = [Item(str(i), i, lambda image=image: image) for i, image in enumerate(images)]
    return HeldImages(list(hold_images(folder.name, items, folder.parent)[0].values()))


def forget(folder: Path) -> None:
    """Asks the system to drop what it holds of these files in memory."""
    for file in folder.rglob("*.npy"):
        with file.open("rb") as opened:
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def patches_a_second(batches: Iterable, count: int) -> float:
    """Over `count` batches, after ten that are not timed."""
    iterator = iter(batches)
    for _ in itertools.islice(iterator, 10):
        pass
    start = time.perf_counter()
    for _ in itertools.islice(iterator, count):
        pass
    return count * BATCH_SIZE / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
