import keras
import numpy as np
import pytest

from keras_lisr import zoo
from keras_lisr.inference.receptive_field import receptive_field_radius
from keras_lisr.inference.tiling import (
    bytes_per_pixel,
    tile_for_pixels,
    upscale_in_tiles,
    values_per_pixel,
    windows,
)


def nearest(window):
    return window.repeat(3, axis=1).repeat(3, axis=2)


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (37, 50, 3), dtype=np.uint8)


@pytest.mark.parametrize("halo", [0, 1, 4, 9])
@pytest.mark.parametrize("tile", [1, 2, 7, 16, 100])
def test_windows_cover_a_side_with_a_halo_at_every_cut(tile, halo):
    for side in range(1, 70):
        length, parts = windows(side, tile, halo)
        assert length <= min(side, tile + 2 * halo)
        cuts = [part.cut for part in parts] + [side]
        assert cuts[0] == 0
        for part, cut, next_cut in zip(parts, cuts, cuts[1:], strict=False):
            assert 0 <= part.start <= cut < next_cut <= part.start + length <= side
            assert part.start == 0 or cut - part.start >= halo
            assert part.start + length == side or part.start + length - next_cut >= halo


def test_windows_are_as_few_as_possible():
    assert len(windows(100, tile=20, halo=10)[1]) == 4
    assert len(windows(101, tile=20, halo=10)[1]) == 5
    assert windows(40, tile=20, halo=10) == (40, [(0, 0)])


@pytest.mark.parametrize("blend", [False, True])
@pytest.mark.parametrize("tile", [5, 16, 64])
def test_tiles_are_put_where_they_belong(image, tile, blend):
    tiled = upscale_in_tiles(nearest, image, scale=3, tile=tile, halo=4, blend=blend)
    np.testing.assert_array_equal(tiled, nearest(image[None])[0])


def test_every_window_has_the_same_shape(image):
    shapes = set()

    def upscale(window):
        shapes.add(window.shape)
        return nearest(window)

    upscale_in_tiles(upscale, image, scale=3, tile=11, halo=3)
    assert len(shapes) == 1


def test_exact_where_the_halo_is_the_radius_and_not_with_a_pixel_less(network):
    radius = receptive_field_radius(network)
    side = 2 * (radius + 2) + 3
    image = np.random.default_rng(0).uniform(0.5, 1, (side, side + 1, 3)).astype(np.float32)
    whole = keras.ops.convert_to_numpy(network(image[None])[0])
    scale = len(whole) // side

    def error(halo):
        tiled = upscale_in_tiles(
            lambda window: keras.ops.convert_to_numpy(network(window)),
            image,
            scale=scale,
            tile=side // 2 - halo + 1,
            halo=halo,
        )
        return np.abs(tiled - whole).max() / whole.max()

    assert error(radius) <= 1e-6
    assert error(radius - 1) > 3e-6


def test_blending_goes_over_linearly_and_leaves_no_seam():
    def window_mean(window):
        return np.broadcast_to(window.mean(axis=(1, 2), keepdims=True), window.shape)

    image = np.linspace(0, 1, 64, dtype=np.float32)[None, :, None] * np.ones((48, 1, 3), np.float32)
    image += np.linspace(0, 1, 48, dtype=np.float32)[:, None, None]
    blended, cut = (
        upscale_in_tiles(window_mean, image, scale=1, tile=12, halo=4, blend=blend) for blend in (True, False)
    )
    for axis, step in ((0, 1 / 8), (1, 1 / 8)):
        seam = np.abs(np.diff(cut, axis=axis)).max()
        assert np.abs(np.diff(blended, axis=axis)).max() <= seam * step + 1e-6


def test_blended_bytes_are_rounded():
    values = iter([0, 255])

    def flat(window):
        return np.full(window.shape, next(values), np.uint8)

    blended = upscale_in_tiles(flat, np.zeros((4, 20, 3), np.uint8), scale=1, tile=6, halo=4, blend=True)
    assert blended[0, 6:14, 0].tolist() == [16, 48, 80, 112, 143, 175, 207, 239]


def test_progress_counts_windows(image):
    seen = []
    upscale_in_tiles(nearest, image, scale=3, tile=20, halo=2, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i, 6) for i in range(7)]


def test_bytes_are_those_of_the_tensors_held_at_once():
    inputs = keras.Input((None, None, 3))  # 12 bytes
    first = keras.layers.Conv2D(10, 1)(inputs)  # 40
    second = keras.layers.Conv2D(20, 1)(first)  # 80, while `first` is kept for later
    third = keras.layers.Conv2D(10, 1)(second)  # 40
    model = keras.Model(inputs, keras.layers.Add()([first, third]))
    assert bytes_per_pixel(model) == 40 + 80 + 40
    assert bytes_per_pixel(keras.Model(inputs, keras.ops.depth_to_space(keras.layers.Conv2D(64, 1)(inputs), 4))) == 512


def test_values_per_pixel_are_those_of_the_largest_tensor():
    assert values_per_pixel(zoo.fsrcnn(4)) == 56
    assert values_per_pixel(zoo.edsr_baseline(4, num_blocks=1)) == 64 * 16


@pytest.mark.parametrize(("height", "width"), [(101, 100), (5000, 4000), (1, 10_001)])
def test_tile_is_the_largest_that_the_pixels_allow(height, width):
    assert tile_for_pixels(100**2, 10, height, width) == 80
    assert tile_for_pixels(100**2 - 1, 10, height, width) == 79
    assert tile_for_pixels(400, 10, height, width) < 1


@pytest.mark.parametrize(("height", "width"), [(1, 1), (100, 100), (10, 1000)])
def test_a_picture_that_fits_is_one_tile(height, width):
    tile = tile_for_pixels(100**2, 10, height, width)
    assert all(len(windows(side, tile, 10)[1]) == 1 for side in (height, width))
