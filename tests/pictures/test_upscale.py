import tracemalloc
from pathlib import Path

import keras
import numpy as np
import pytest
from architectures import ARCHITECTURES
from picture_files import enlarge, one_by_one, random_pixels
from PIL import Image

from keras_lisr import zoo
from keras_lisr.inference import Upscaler
from keras_lisr.pictures.picture import Metadata, Picture
from keras_lisr.pictures.read import read_picture
from keras_lisr.pictures.resize import resize_rows
from keras_lisr.pictures.size import Size
from keras_lisr.pictures.upscale import PictureUpscaler
from keras_lisr.pictures.write import write_picture
from keras_lisr.tiling.rows import Stream, bands_of

SAMPLE = Path(__file__).parents[2] / "samples" / "lanterns.png"
MODES = {"grey": 1, "grey and alpha": 2, "rgb": 3, "rgb and alpha": 4}


@pytest.fixture(scope="module")
def tiny():
    keras.utils.set_random_seed(0)
    (fsrcnn,) = (architecture for architecture in ARCHITECTURES if architecture.name == "fsrcnn")
    return Upscaler(fsrcnn.build_tiny(2), precision="float32")


@pytest.fixture(scope="module")
def preset():
    return Upscaler(zoo.from_preset("imdn_x4"), precision="float32")


@pytest.fixture(scope="module")
def photograph():
    return np.array(Image.open(SAMPLE).convert("RGB"))[20:116, 60:188]


def mean(rgb):
    """Of three channels, as the nearest integer."""
    return np.rint(rgb.mean(axis=2, keepdims=True)).astype(rgb.dtype)


def convert(rgb, mode, dtype=np.uint8):
    """A photograph with as many channels, and alpha of a disk with a soft edge if the mode has it."""
    height, width, _ = rgb.shape
    pixels = rgb if "rgb" in mode else np.array(Image.fromarray(rgb).convert("L"))[..., None]
    if "alpha" in mode:
        rows, columns = np.mgrid[:height, :width]
        distance = np.hypot(rows - height / 2, columns - width / 2)
        alpha = np.clip(255 * (min(height, width) * 0.4 - distance) / 4, 0, 255).astype(np.uint8)
        pixels = np.concatenate([pixels, alpha[..., None]], axis=2)
    return pixels.astype(dtype) * dtype(257 if dtype == np.uint16 else 1)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_rgb_is_what_the_network_makes_of_it(tiny, dtype):
    pixels, metadata = random_pixels((70, 40, 3), dtype), Metadata({"xmp-data": b"taken"}, (300.0, 300.0))
    result = PictureUpscaler(tiny)(Picture(pixels, metadata))
    np.testing.assert_array_equal(result.pixels, enlarge(tiny, pixels))
    assert result.metadata == metadata


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_is_the_mean_of_what_the_network_makes_of_rgb(tiny, dtype):
    pixels = random_pixels((30, 40, 1), dtype)
    result = PictureUpscaler(tiny)(Picture(pixels)).pixels
    assert (result.shape, result.dtype) == ((60, 80, 1), dtype)
    np.testing.assert_array_equal(result, enlarge(lambda grey: mean(tiny(grey.repeat(3, axis=2))), pixels))


class Counted:
    """A network that tells how often it is used."""

    def __init__(self, network):
        self.network, self.pictures = network, []

    def bands(self, image, *arguments, **options):
        self.pictures.append(image.shape)
        return self.network.bands(image, *arguments, **options)

    def __call__(self, image):
        return self.network(image)

    def __getattr__(self, name):
        return getattr(self.network, name)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [2, 4])
def test_an_opaque_alpha_costs_nothing_and_stays_opaque(tiny, channels, dtype):
    pixels = random_pixels((30, 40, channels), dtype)
    pixels[..., -1] = np.iinfo(dtype).max
    network = Counted(tiny)
    result = PictureUpscaler(network)(Picture(pixels)).pixels
    without = PictureUpscaler(tiny)(Picture(pixels[..., :-1])).pixels
    np.testing.assert_array_equal(result[..., :-1], without)
    assert (result[..., -1] == np.iinfo(dtype).max).all()
    assert network.pictures == [(30, 40, 3)]


def test_alpha_goes_through_the_network_and_stays_opaque_and_transparent(tiny, photograph):
    pixels = convert(photograph, "rgb and alpha")
    result = PictureUpscaler(tiny)(Picture(pixels)).pixels
    assert_no_drift(result, pixels, most=1)
    through = enlarge(lambda grey: mean(tiny(grey.repeat(3, axis=2))), pixels[..., 3:])[..., 0]
    is_settled = np.isin(result[..., 3], (0, 255))
    np.testing.assert_array_equal(result[..., 3][~is_settled], through[~is_settled])
    assert (result[60:130, 90:160, 3] == 255).all() and not result[:30, :30, 3].any()


@pytest.mark.parametrize("hidden", [(0, 255, 0), (0, 0, 0), (255, 255, 255)], ids=["green", "black", "white"])
def test_no_halo_appears_at_the_edge(preset, hidden):
    """The visible part is red, and before any background the result is nearly that of the picture before it.

    Without `bleed`, what is seen is off by 220, and the composed pictures differ half as much again.
    """
    rows, columns = np.mgrid[:64, :64]
    disk = np.clip(20.5 - np.hypot(rows - 31.5, columns - 31.5), 0, 1)[..., None]
    red = np.array([220, 30, 30])
    colours = np.where(disk > 0, red, hidden)
    pixels = np.concatenate([colours, np.rint(255 * disk)], axis=2).astype(np.uint8)
    result = PictureUpscaler(preset)(Picture(pixels)).pixels.astype(float)

    seen = result[result[..., 3] > 0]
    assert np.abs(seen[:, :3] - red).max() <= 2
    for background in ((0, 0, 255), (0, 0, 0), (255, 255, 255)):
        composed = np.rint(disk * red + (1 - disk) * background).astype(np.uint8)
        transparency = 1 - result[..., 3:] / 255
        difference = result[..., :3] * (1 - transparency) + transparency * background - preset(composed)
        around = slice(32, -32)  # At the picture's border, the network changes a plain background.
        assert np.abs(difference[around, around]).mean() < 2


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("mode", MODES)
def test_colours_do_not_drift(preset, photograph, mode, dtype):
    pixels = convert(photograph, mode, dtype)
    result = PictureUpscaler(preset)(Picture(pixels)).pixels
    assert (result.shape, result.dtype) == ((4 * 96, 4 * 128, MODES[mode]), dtype)
    assert_no_drift(result, pixels)


@pytest.mark.parametrize("name", ["imdn_x2", "imdn_x3", "imdn_x4"])
def test_flat_colours_do_not_drift(name):
    network = Upscaler(zoo.from_preset(name), precision="float32")
    for colour in ((0, 0, 255), (0, 255, 0), (255, 64, 0), (128, 0, 128)):
        pixels = np.full((24, 30, 3), colour, np.uint8)
        assert_no_drift(PictureUpscaler(network)(Picture(pixels)).pixels, pixels)


@pytest.mark.parametrize(
    ("name", "colour", "scale"),
    [("imdn_x4", (0, 255, 0), 6), ("imdn_x2", (255, 192, 64), 8), ("imdn_x3", (0, 255, 64), 6)],
)
def test_small_drifts_of_several_passes_do_not_add_up(name, colour, scale):
    network = Upscaler(zoo.from_preset(name), precision="float32")
    pixels = np.full((16, 16, 3), colour, np.uint8)
    assert_no_drift(PictureUpscaler(network, size=Size(scale=scale))(Picture(pixels)).pixels, pixels)


def assert_no_drift(result, pixels, most=0.6):
    """As they are seen, the means of the result and of the picture differ by less than so much of 255."""
    assert np.abs(see_mean(result) - see_mean(pixels)).max() < most / 255


def see_mean(pixels):
    """Means of the channels, of colours times alpha, where white is 1."""
    values = pixels / float(np.iinfo(pixels.dtype).max)
    if values.shape[2] in (2, 4):
        values[..., :-1] *= values[..., -1:]
    return values.mean((0, 1))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [Size(), Size(scale=1.5), Size(scale=3), Size(scale=0.7), Size(width=99, height=301)])
def test_rows_of_a_file_give_the_bytes_of_the_whole_picture(tiny, photograph, mode, size):
    pixels = np.concatenate([convert(photograph[::2, ::4], mode)] * 4)
    expected = PictureUpscaler(tiny, size=size)(Picture(pixels)).pixels
    rows = one_by_one(pixels)
    in_tiles = Upscaler(tiny._model, precision="float32", tile=30)
    result = PictureUpscaler(in_tiles, size=size)._upscale(rows, None)
    np.testing.assert_array_equal(np.concatenate(list(bands_of(result))), expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("mode", [*MODES, "opaque"])
def test_a_file_gives_the_pixels_of_the_picture_in_memory(tiny, photograph, tmp_path, mode, dtype):
    pixels = convert(photograph, "rgb and alpha" if mode == "opaque" else mode, dtype)
    if mode == "opaque":
        pixels[..., 3] = np.iinfo(dtype).max
    source, target = tmp_path / "in.png", tmp_path / "out.tif"
    write_picture(Picture(pixels, Metadata(dpi=(300.0, 300.0))), source)
    network = Counted(tiny)
    upscaler = PictureUpscaler(network, size=Size(scale=1.6))
    assert upscaler.upscale_file(source, target) == (154, 205)
    result = read_picture(target)
    expected = PictureUpscaler(tiny, size=Size(scale=1.6))(Picture(pixels)).pixels
    np.testing.assert_array_equal(result.pixels, expected)
    assert result.pixels.dtype == dtype
    assert result.metadata.dpi == pytest.approx((300, 300), abs=0.1)
    assert len(network.pictures) == (2 if mode.endswith("alpha") else 1)
    upscaler.upscale_file(source, target, strip_metadata=True)
    assert not read_picture(target).metadata.fields


def test_a_result_that_is_not_larger_is_resized_only(tiny, photograph):
    network = Counted(tiny)
    result = PictureUpscaler(network, size=Size(scale=0.5))(Picture(photograph)).pixels
    assert not network.pictures
    np.testing.assert_array_equal(result, resize_rows(photograph, 48, 64)[0:48])
    same = PictureUpscaler(network, size=Size(scale=1))(Picture(photograph)).pixels
    np.testing.assert_array_equal(same, photograph)


def test_larger_scales_are_the_network_repeated(tiny, photograph):
    pixels = photograph[:40, :50]
    result = PictureUpscaler(tiny, size=Size(scale=8))(Picture(pixels)).pixels
    np.testing.assert_array_equal(result, enlarge(tiny, pixels, times=3))
    result = PictureUpscaler(tiny, size=Size(scale=3))(Picture(pixels)).pixels
    np.testing.assert_array_equal(result, resize_rows(enlarge(tiny, pixels, times=2), 120, 150)[0:120])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (40, 1), (14, 16)])
def test_tiny_pictures_are_continued_by_their_border(photograph, mode, height, width):
    network = Upscaler(zoo.shallow_edsr(2, attention="esa", num_filters=4, num_blocks=1))
    assert network.smallest_side == 15
    pixels = convert(photograph, mode)[40 : 40 + height, 60 : 60 + width]
    result = PictureUpscaler(network)(Picture(pixels)).pixels
    assert result.shape == (2 * height, 2 * width, MODES[mode])
    if mode == "rgb":
        missing = [(0, max(0, 15 - height)), (0, max(0, 15 - width)), (0, 0)]
        filled_up = network(np.pad(pixels, missing, mode="edge"))[: 2 * height, : 2 * width]
        np.testing.assert_array_equal(result, enlarge(lambda _: filled_up, pixels))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 2), (1, 50), (9, 3)])
@pytest.mark.parametrize("colour", [(220, 30, 30), (255, 255, 255)])
def test_a_few_pixels_keep_their_colour(preset, height, width, colour):
    result = PictureUpscaler(preset)(Picture(np.full((height, width, 3), colour, np.uint8))).pixels
    assert np.abs(result.mean(axis=(0, 1)) - colour).max() <= 0.5


@pytest.mark.parametrize("size", [Size(), Size(scale=4), Size(scale=0.5)])
@pytest.mark.parametrize("mode", ["rgb", "rgb and alpha"])
def test_progress_counts_the_tiles_of_all_runs(tiny, photograph, size, mode):
    seen = []
    network = Upscaler(tiny._model, precision="float32", tile=40)
    upscaler = PictureUpscaler(network, size=size)
    upscaler(Picture(convert(photograph, mode)), lambda done, total: seen.append((done, total)))
    sides = [(96 * 2**i, 128 * 2**i) for i in range(size.passes(96, 128, 2))]
    total = sum(network.count_tiles(*side) for side in sides) * (2 if "alpha" in mode else 1)
    if not total:
        assert not seen
        return
    assert {every for _, every in seen} == {total}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert {done for done, _ in seen} == set(range(total + 1))


def test_what_is_large_is_known_from_the_picture_or_the_result(tiny):
    upscaler = PictureUpscaler(tiny)
    assert not upscaler.is_large(2896, 2896) and upscaler.is_large(2897, 2897)
    assert upscaler.is_large(100, 100, frames=1000)
    upscaler.size = Size(max_megapixels=1)
    assert not upscaler.is_large(5000, 5000) and upscaler.is_large(6000, 6000)


@pytest.mark.slow
def test_no_more_is_held_for_a_higher_picture(tiny):
    network = Upscaler(tiny._model, precision="float32", tile=64)
    band = random_pixels((64, 200, 4))

    def measure_held(size, bands):
        made = (band.copy() for _ in range(bands))
        rows = PictureUpscaler(network, size=size)._upscale(Stream(made, (bands * 64, *band.shape[1:]), np.uint8), None)
        tracemalloc.start()
        try:
            for _ in bands_of(rows):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    for size in (Size(), Size(scale=1.5), Size(scale=4)):
        measure_held(size, 1)  # What is made once and for all.
        assert measure_held(size, 30) - measure_held(size, 14) < 8 * band.nbytes  # Of 16 more; garbage waits.
