"""How do networks take photos as they are? Held-out photographs: blurred, resized, noisy and compressed, and clean.

Prints PSNR and SSIM of luma against the originals for bicubic and each model, from degraded and from clean low
resolution, and draws crops side by side: low resolution, bicubic, the models, the original.

    python -m benchmarks.photos --data photographs --models imdn_x4 imdn_x4_photo --strip zoo/photos_x4.webp

The photographs are those that the presets' training holds out; their degradation has a seed of its own.
"""

import argparse
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from keras_lisr.data import Degradation, ImagePairs, hold_out_photographs, imresize, read_pairs
from keras_lisr.data.degradation import degrade_pairs
from keras_lisr.evaluation import psnr, ssim
from keras_lisr.inference import Upscaler
from keras_lisr.training.command import HOLD_OUT_EVERY, MOST_HELD_OUT
from keras_lisr.zoo import load_model

SEED = 2026
CROP = 40  # Pixels of low resolution.
ROWS = 4


def main() -> None:
    """Measures, prints and draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--models", nargs="+", required=True, metavar="MODEL", help="presets or .keras files")
    parser.add_argument("--strip", type=Path, help="picture to write")
    flags = parser.parse_args()
    upscalers: dict[str, Callable] = {name: Upscaler(load_model(name), precision="float32") for name in flags.models}
    (scale,) = {upscaler.scale for upscaler in upscalers.values()}
    upscalers = {"bicubic": lambda image: imresize(image, scale), **upscalers}
    images = read_pairs(flags.data, scale)
    _, names = hold_out_photographs(images.names, max(HOLD_OUT_EVERY, math.ceil(len(images) / MOST_HELD_OUT)))
    clean = images.select(names)
    degraded = degrade_pairs(clean, Degradation(), scale, seed=SEED)
    print(f"| x{scale} of {len(clean)} images | degraded | clean |\n| --- | ---: | ---: |")
    for name, upscale in upscalers.items():
        print(f"| {name} | {measure(upscale, degraded, scale)} | {measure(upscale, clean, scale)} |", flush=True)
    if flags.strip is not None:
        draw(list(upscalers.values()), degraded, scale).save(flags.strip, quality=90)


def measure(upscale: Callable, pairs: ImagePairs, scale: int) -> str:
    """Mean PSNR in dB and SSIM on luma."""
    results = [(image, upscale(low_resolution)) for low_resolution, image in pairs]
    decibels = np.mean([psnr(image, result, shave=scale) for image, result in results])
    return f"{decibels:.2f} / {np.mean([ssim(image, result, shave=scale) for image, result in results]):.4f}"


def draw(upscalers: list[Callable], pairs: ImagePairs, scale: int) -> Image.Image:
    """A row for each of some images, spread over all: low resolution, what each makes of it, the original."""
    rows = []
    for i in np.linspace(0, len(pairs) - 1, ROWS).astype(int):
        low_resolution, image = pairs.low_resolution[i], pairs.high_resolution[i]
        top, left = ((side - CROP) // 2 for side in low_resolution.shape[:2])
        cut = (slice(top * scale, (top + CROP) * scale), slice(left * scale, (left + CROP) * scale))
        enlarged = low_resolution.repeat(scale, axis=0).repeat(scale, axis=1)
        rows.append(
            np.concatenate([each[cut] for each in (enlarged, *(f(low_resolution) for f in upscalers), image)], 1)
        )
    return Image.fromarray(np.concatenate(rows))


if __name__ == "__main__":
    main()
