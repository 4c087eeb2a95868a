"""The bound on memory, measured: the largest resident size of processes that upscale pictures."""

import subprocess
import sys
import tracemalloc

import keras
import numpy as np
import pytest
from picture_files import upscaled_part
from PIL import Image
from process_memory import ON_LINUX, PEAK

from keras_lisr import zoo
from keras_lisr.inference import Upscaler
from keras_lisr.pictures.size import Size
from keras_lisr.pictures.upscale import PictureUpscaler
from keras_lisr.pictures.working_memory import working_memory
from keras_lisr.runtime.rows import BAND, Stream, bands_of

UPSCALED = (
    PEAK
    + """
import numpy as np
from keras_lisr import zoo
from keras_lisr.inference import Upscaler
from keras_lisr.pictures.picture import Picture
from keras_lisr.pictures.size import Size
from keras_lisr.pictures.upscale import PictureUpscaler
from keras_lisr.runtime.memory import resident_size
from keras_lisr.runtime.rows import Stream, bands_of

network = Upscaler({network}, precision="float32")
shape, dtype = {shape}, np.dtype("{dtype}")
network(np.zeros((32, 32, 3), dtype))
memory = resident_size() + {room} * 2**20
upscaler = PictureUpscaler(network, memory=memory, size=Size({size}))

def bands():
    random = np.random.default_rng(0)
    for start in range(0, shape[0], 64):
        band = (min(64, shape[0] - start), *shape[1:])
        yield random.integers(0, np.iinfo(dtype).max + 1, band, dtype)

if {whole}:
    upscaler(Picture(np.concatenate(list(bands()))))
else:
    for band in bands_of(upscaler._upscale(Stream(bands(), shape, dtype), False, 0, None)):
        pass
print(peak(), memory / 2**20)
"""
)

TINY = "zoo.fsrcnn(4, num_filters=8, num_shrunk_filters=4, num_blocks=1)"


def peak_and_bound(network, room, shape, *, size="", dtype="uint8", whole=False):
    """MiB that a process held at most which upscaled noise, and those that it was allowed: so many more than before."""
    code = UPSCALED.format(network=network, room=room, shape=shape, size=size, dtype=dtype, whole=whole)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return map(float, done.stdout.split())


@ON_LINUX
def test_a_bound_is_held():
    peak, bound = peak_and_bound(TINY, 400, (1500, 2000, 3))
    assert peak < bound


@ON_LINUX
@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "room", "shape", "options"),
    [
        ("zoo.from_preset('imdn_x4')", 300, (500, 700, 3), {}),
        ("zoo.from_preset('imdn_x4')", 800, (700, 900, 3), {}),
        ("zoo.edsr_baseline(4)", 600, (500, 600, 3), {}),
        ("zoo.carn(4)", 600, (500, 600, 3), {}),
        ("zoo.idn(4)", 600, (400, 500, 3), {}),
        ("zoo.fsrcnn(4)", 316, (1000, 1500, 4), {"dtype": "uint16", "size": "scale=1.5"}),
        ("zoo.fsrcnn(4)", 400, (400, 500, 2), {"size": "scale=7"}),
        ("zoo.fsrcnn(4)", 900, (300, 20_000, 3), {}),
        (TINY, 400, (1500, 2000, 3), {"whole": True}),
        (TINY, 400, (300, 400, 4), {"whole": True, "size": "scale=9"}),
        (TINY, 300, (12_000, 8000, 3), {"size": "scale=0.1"}),
        (TINY, 1448, (6000, 4000, 3), {"dtype": "uint16"}),
    ],
)
def test_bounds_are_held_by_every_kind_of_work(network, room, shape, options):
    peak, bound = peak_and_bound(network, room, shape, **options)
    assert peak < bound


@pytest.mark.parametrize(("channels", "scale"), [(3, 4), (4, 2)])
def test_no_more_is_held_for_a_higher_picture(channels, scale):
    keras.utils.set_random_seed(0)
    network = Upscaler(eval(TINY.replace("(4", "(2"), {"zoo": zoo}), precision="float32", tile=64)
    upscaler = PictureUpscaler(network, size=Size(scale=scale))
    band = np.random.default_rng(0).integers(0, 256, (BAND, 200, channels), np.uint8)

    def most_held(bands):
        made = (band.copy() for _ in range(bands))
        rows = upscaler._upscale(Stream(made, (bands * BAND, *band.shape[1:]), np.uint8), False, 0, None)
        tracemalloc.start()
        try:
            for _ in bands_of(rows):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    most_held(1)  # What is made once and for all.
    assert most_held(30) - most_held(14) < 8 * band.nbytes  # Of 16 more; garbage waits for its collector.


def test_work_grows_with_the_width_and_not_with_the_height():
    def of(height, width, channels=4, dtype=np.uint8, scale=0.5):
        size = int(height * scale), int(width * scale)
        return working_memory((height, width, channels), size, np.dtype(dtype), scale=4)

    assert of(1000, 4000) == of(100_000, 4000)
    assert of(1000, 4000) < of(1000, 8000)
    assert of(1000, 4000) < of(1000, 4000, dtype=np.uint16)
    assert of(1000, 4000, channels=3) < of(1000, 4000)
    assert of(1000, 4000, scale=1) < of(1000, 4000)


FILE = (
    PEAK
    + """
import sys
from pathlib import Path
from keras_lisr import zoo
from keras_lisr.inference import Upscaler
from keras_lisr.pictures.upscale import PictureUpscaler
import keras

keras.utils.set_random_seed(0)
source, target, memory, network = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) * 2**20, sys.argv[4]
upscaler = PictureUpscaler(Upscaler(eval(network), precision="float32"), memory=memory)
assert not upscaler.need_of(*map(int, sys.argv[5:7])).fits
print(*upscaler.upscale_file(source, target))
print(peak())
"""
)


@ON_LINUX
@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "height", "width"), [("zoo.fsrcnn(4)", 4000, 6000), (TINY.replace("(4", "(2"), 10_000, 10_000)]
)
def test_large_files_go_through_in_2_gib_and_are_what_the_whole_would_be(tmp_path, network, height, width):
    tile = np.random.default_rng(0).integers(0, 256, (500, 600, 3), dtype=np.uint8)
    pixels = np.tile(tile, (-(-height // 500), -(-width // 600), 1))[:height, :width]
    Image.fromarray(pixels).save(tmp_path / "in.tif", compression="tiff_lzw")
    files = [tmp_path / "in.tif", tmp_path / "out.tif"]
    command = [sys.executable, "-c", FILE, *files, 2048, network, height, width]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    size, largest = done.stdout.splitlines()
    keras.utils.set_random_seed(0)
    upscaler = Upscaler(eval(network, {"zoo": zoo}), precision="float32")
    scale = upscaler.scale
    assert size == f"{height * scale} {width * scale}"
    assert float(largest) < 2048

    pyvips = pytest.importorskip("pyvips")
    result = pyvips.Image.new_from_file(str(tmp_path / "out.tif"))
    assert (result.height, result.width, result.bands) == (height * scale, width * scale, 3)
    side = 300
    last = (height - side) // 32 * 32, (width - side) // 32 * 32
    for top, left in [(0, 0), (height // 64 * 32, width // 96 * 32), last]:
        expected = upscaled_part(upscaler, pixels, top, left, side)
        crop = result.crop(left * scale, top * scale, side * scale, side * scale).numpy()
        difference = np.abs(crop.astype(int) - expected)
        assert difference.max() <= 1 and (difference > 0).mean() < 1e-4  # Floats between two bytes fall to either side.
