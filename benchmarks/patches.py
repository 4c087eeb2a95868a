"""How many aligned training patches a second come out of memory: the sampler alone, and the tf.data pipeline.

python -m benchmarks.patches
"""

import argparse
import itertools
import time

import numpy as np

from keras_lisr.data.patches import PatchSampler
from keras_lisr.data.pipeline import patch_dataset

SCALE = 4
PATCH_SIZE = 192
BATCH_SIZE = 16


def main() -> None:
    """Prints patches a second of both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=64, help="number of 480 x 480 images in memory")
    parser.add_argument("--batches", type=int, default=400)
    flags = parser.parse_args()
    random = np.random.default_rng(0)
    images = [random.integers(256, size=(480, 480, 3), dtype=np.uint8) for _ in range(flags.images)]
    sampler = PatchSampler(images, scale=SCALE, patch_size=PATCH_SIZE, batch_size=BATCH_SIZE)
    sources = {
        "NumPy, one thread": (sampler.batch(step) for step in itertools.count()),
        "tf.data, float32": iter(patch_dataset(sampler)),
    }
    print(f"Patches of {PATCH_SIZE // SCALE} -> {PATCH_SIZE} pixels in batches of {BATCH_SIZE}")
    for name, batches in sources.items():
        for _ in itertools.islice(batches, 20):
            pass
        start = time.perf_counter()
        for _ in itertools.islice(batches, flags.batches):
            pass
        print(f"{name:20}{flags.batches * BATCH_SIZE / (time.perf_counter() - start):8.0f} patches/s")


if __name__ == "__main__":
    main()
