"""Draws the gallery: six pictures, shrunk to a quarter and enlarged by bicubic and by the presets, crops at 100 %.

The pictures are public domain, CC0 or CC BY and come with scikit-image and scikit-learn. Two of them are compressed as
JPEG before they are enlarged, as pictures from the web are. Under each crop stands PSNR of luma over the whole picture.

    pip install scikit-image scikit-learn
    python -m benchmarks.gallery --output docs/images
"""

import argparse
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import skimage
import sklearn
from PIL import Image, ImageDraw, ImageFont

from keras_lisr.basics.preset_index import DEFAULT_PRESET, find_preset
from keras_lisr.data import imresize
from keras_lisr.evaluation import psnr
from keras_lisr.exported import ExportedUpscaler

SCALE = 4
PRESETS = ("fsrcnn_x4", "edsr_baseline_x4", "imdn_x4", "imdn_x4_photo")
COLUMNS = 3
CROP, MARGIN, CAPTION = 240, 8, 24  # Pixels.
FIRST = "flower"  # Stands in README, beside bicubic and the original.


class Picture(NamedTuple):
    """A file, the top left corner of its crop, and the JPEG quality that its low resolution is compressed with."""

    file: Path
    top: int
    left: int
    quality: int | None = None


SKIMAGE = Path(skimage.__file__).parent / "data"
SKLEARN = Path(sklearn.__file__).parent / "datasets" / "images"
PICTURES = {
    "astronaut": Picture(SKIMAGE / "astronaut.png", 60, 256),
    "chelsea": Picture(SKIMAGE / "chelsea.png", 40, 110),
    "flower": Picture(SKLEARN / "flower.jpg", 90, 170),
    "rocket": Picture(SKIMAGE / "rocket.jpg", 187, 0),
    "china": Picture(SKLEARN / "china.jpg", 60, 100, quality=80),
    "coffee": Picture(SKIMAGE / "coffee.png", 160, 270, quality=60),
}


def main() -> None:
    """Draws one file for each picture, and the one of README."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    upscalers: dict[str, Callable] = {"bicubic": lambda image: imresize(image, SCALE)}
    upscalers |= {name: ExportedUpscaler(find_preset(name).exported(), precision="float32") for name in PRESETS}
    for name, picture in PICTURES.items():
        original = np.array(Image.open(picture.file).convert("RGB"))
        height, width = (side // SCALE * SCALE for side in original.shape[:2])
        original = original[:height, :width]
        small = imresize(original, 1 / SCALE)
        if picture.quality:
            small = compress(small, picture.quality)
        results = {label: upscale(small) for label, upscale in upscalers.items()} | {"original": original}
        cut = (slice(picture.top, picture.top + CROP), slice(picture.left, picture.left + CROP))
        cells = {caption(label, result, original): result[cut] for label, result in results.items()}
        draw(cells).save(folder / f"{name}.webp", quality=90)
        if name == FIRST:
            shown = ("bicubic", DEFAULT_PRESET, "original")
            chosen = {label: cell for label, cell in cells.items() if label.split(" ·")[0] in shown}
            draw(chosen).save(folder / "before_after.webp", quality=92)


def compress(image: np.ndarray, quality: int) -> np.ndarray:
    """Goes through JPEG."""
    file = BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file))


def caption(label: str, result: np.ndarray, original: np.ndarray) -> str:
    """Names what is shown, with its PSNR."""
    return label if result is original else f"{label} · {psnr(original, result, shave=SCALE):.2f} dB"


def draw(cells: dict[str, np.ndarray]) -> Image.Image:
    """Lays crops out in rows, each above its caption."""
    rows = -(-len(cells) // COLUMNS)
    size = (COLUMNS * (CROP + MARGIN) - MARGIN, rows * (CROP + CAPTION))
    page = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(13)
    for place, (label, cell) in enumerate(cells.items()):
        x, y = place % COLUMNS * (CROP + MARGIN), place // COLUMNS * (CROP + CAPTION)
        page.paste(Image.fromarray(cell), (x, y))
        pen.text((x + CROP / 2, y + CROP + CAPTION / 2), label, "#333333", font, anchor="mm")
    return page


if __name__ == "__main__":
    main()
