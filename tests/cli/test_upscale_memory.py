"""The bound on memory, measured: the largest resident size of the command's process, with files of every kind."""

import math
import os
import re
from pathlib import Path

import keras
import numpy as np
import pytest
import pyvips
from command_line import measured
from picture_files import exif_with, upscaled_part
from PIL import Image
from process_memory import ON_LINUX

from keras_lisr import zoo
from keras_lisr.inference import Upscaler
from keras_lisr.pictures.read import picture_size
from keras_lisr.zoo import load_model

pytestmark = [pytest.mark.slow, ON_LINUX]

SAMPLE = Path(__file__).parents[2] / "samples" / "lanterns.png"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folder with a tiny network for x2 and one for x4."""
    folder = tmp_path_factory.mktemp("models")
    for scale in (2, 4):
        keras.utils.set_random_seed(0)
        zoo.fsrcnn(scale, num_filters=8, num_shrunk_filters=4, num_blocks=1).save(folder / f"x{scale}.keras")
    return folder


def photograph(height, width, mode="RGB"):
    """A photograph, again and again; where it has alpha, it is transparent in parts."""
    pixels = np.array(Image.open(SAMPLE).convert("RGB"))
    repeats = (-(-height // pixels.shape[0]), -(-width // pixels.shape[1]), 1)
    image = Image.fromarray(np.tile(pixels, repeats)[:height, :width])
    if mode.endswith("A"):
        y, x = np.mgrid[:height, :width]
        image.putalpha(Image.fromarray(((x + y) % 256).astype(np.uint8)))
    return image.convert(mode)


def deep(path, image):
    pixels = np.asarray(image).astype(np.uint16) * 257
    pyvips.Image.new_from_array(pixels).copy(interpretation="rgb16").tiffsave(str(path), compression="lzw")


def upscale(source, target, *options):
    """Runs the command: its exit code, its largest resident size in MiB, and its errors."""
    done, peak = measured("upscale", source, *options, "-o", target, peak=target.with_name("peak"))
    return done.returncode, peak, done.stderr


# MiB beyond what the command holds before anything is upscaled: 590 to 640 for TensorFlow's libraries, which depends on
# how much of them is in the system's cache. Some 24 more than the least the command asks for, which differs with that,
# but for the preset and the wide one, whose smallest tiles take minutes.
LARGE, MEDIUM = (4000, 6000), (2000, 3000)
ANIMATED = {
    "save_all": True,
    "append_images": [photograph(300, 400).rotate(3 * i) for i in range(1, 60)],
    "duration": 40,
}
CASES = {
    "JPEG beyond memory": ("a.jpg", LARGE, "RGB", {}, "b.jpg", "x2", 204, []),
    "PNG beyond memory": ("a.png", LARGE, "RGB", {"compress_level": 1}, "b.png", "x2", 200, []),
    "turned": ("a.jpg", LARGE, "RGB", {"exif": exif_with(6)}, "b.jpg", "x2", 198, []),
    "progressive": ("a.jpg", LARGE, "RGB", {"progressive": True}, "b.jpg", "x2", 342, []),
    "CMYK": ("a.jpg", LARGE, "CMYK", {}, "b.png", "x2", 230, []),
    "WebP": ("a.webp", LARGE, "RGB", {"method": 0}, "b.png", "x2", 450, []),
    "AVIF": ("a.avif", LARGE, "RGB", {"speed": 10, "subsampling": "4:4:4"}, "b.png", "x2", 630, []),
    "JPEG 2000": ("a.jp2", MEDIUM, "RGB", {}, "b.png", "x2", 460, []),
    "alpha": ("a.png", MEDIUM, "RGBA", {"compress_level": 1}, "b.png", "x2", 210, []),
    "alpha in strips": ("a.png", LARGE, "RGBA", {"compress_level": 1}, "b.png", "x2", 260, []),
    "wide, with alpha": ("a.png", (500, 30_000), "RGBA", {"compress_level": 1}, "b.png", "x2", 660, []),
    "16 bits rounded": ("a.tif", MEDIUM, "deep", {}, "b.jpg", "x2", 200, []),
    "16 bits": ("a.tif", MEDIUM, "deep", {}, "b.tif", "x2", 200, []),
    "half as large": ("a.jpg", LARGE, "RGB", {}, "b.png", "x2", 190, ["--scale", 0.5]),
    "few megapixels": ("a.png", LARGE, "RGBA", {"compress_level": 1}, "b.png", "x2", 212, ["--max-megapixels", 3]),
    "animated WebP": ("a.webp", (300, 400), "RGB", ANIMATED | {"method": 0}, "b.webp", "x2", 572, []),
    "animated GIF": ("a.gif", (300, 400), "RGB", ANIMATED, "b.gif", "x2", 506, []),
    "comparison": ("a.jpg", LARGE, "RGB", {}, "b.jpg", "x2", 204, ["--compare", "c.png"]),
    "to WebP": ("a.jpg", MEDIUM, "RGB", {}, "b.webp", "x2", 1192, []),
    "default preset": ("a.jpg", (800, 1000), "RGB", {}, "b.png", None, 430, []),
}


@pytest.mark.parametrize("name", CASES)
def test_the_command_holds_its_bound(tmp_path, models, name):
    source, size, mode, saved, target, model, room, options = CASES[name]
    source, target = tmp_path / source, tmp_path / target
    if mode == "deep":
        deep(source, photograph(*size))
    else:
        photograph(*size, mode).save(source, **saved)
    options = [tmp_path / option if option == "c.png" else option for option in options]
    options += ["-n", models / f"{model}.keras"] if model else []
    code, idle, errors = upscale(source, target, "--memory", "100MiB", *options)
    (least,) = re.findall(r"`memory` must be at least (\d+) MiB here for ", errors)
    memory = math.floor(idle) + room
    assert code == 2 and not target.exists() and idle < int(least) <= memory
    code, peak, errors = upscale(source, target, "--memory", f"{memory}MiB", *options)
    assert code == 0 and all(line.startswith("keras-lisr: note: ") for line in errors.splitlines()), errors
    assert peak < memory
    assert picture_size(target).frames == (60 if "animated" in name else 1)


@pytest.mark.parametrize(
    ("mode", "suffix", "memory"), [("RGB", "webp", 1000), ("RGBA", "webp", 1300), ("RGB", "avif", 1500)]
)
def test_what_cannot_be_encoded_within_the_bound_is_refused(tmp_path, models, mode, suffix, memory):
    photograph(*MEDIUM, mode).save(tmp_path / "a.png")
    options = ["--memory", f"{memory}MiB", "-n", models / "x2.keras"]
    code, peak, errors = upscale(tmp_path / "a.png", tmp_path / f"b.{suffix}", *options)
    assert code == 2 and errors.count("\n") == 1 and f"pixels that becomes {suffix.upper()} (in strips" in errors
    assert peak < memory
    assert sorted(os.listdir(tmp_path)) == ["a.png", "peak"]


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_24_megapixels_become_four_times_as_large_in_2_gib(tmp_path, models, suffix):
    """Each crop is what the network makes of it at once; floats may fall to the other side of a half elsewhere."""
    photograph(*LARGE).save(tmp_path / f"a.{suffix}")
    options = ["--memory", "2GiB", "-n", models / "x4.keras"]
    code, peak, errors = upscale(tmp_path / f"a.{suffix}", tmp_path / "b.tif", *options)
    assert (code, errors) == (0, "")
    assert peak < 2048

    # Decoded as the command does, by libvips.
    pixels = pyvips.Image.new_from_file(str(tmp_path / f"a.{suffix}")).numpy()
    result = pyvips.Image.new_from_file(str(tmp_path / "b.tif"))
    assert (result.height, result.width, result.bands) == (16_000, 24_000, 3)
    upscaler = Upscaler(load_model(str(models / "x4.keras")))
    side, scale = 800, upscaler.scale
    for top, left in [(0, 0), (0, 5184), (1312, 2112), (2016, 3008), (3200, 5184)]:
        expected = upscaled_part(upscaler, pixels, top, left, side)
        crop = result.crop(left * scale, top * scale, side * scale, side * scale).numpy()
        difference = np.abs(crop.astype(int) - expected)
        assert difference.max() <= 1 and (difference > 0).mean() < 1e-5
