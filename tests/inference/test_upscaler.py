import keras
import numpy as np
import pytest

from keras_lisr import zoo
from keras_lisr.inference import Upscaler, engines
from keras_lisr.tiling.rows import Stream


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (40, 53, 3), dtype=np.uint8)


def test_tiles_give_the_bytes_of_the_whole_picture(network, image):
    upscaler = Upscaler(network, tile=9, precision="float32")
    assert upscaler.exact
    assert upscaler.count_tiles(*image.shape[:2]) > 1
    tiled = upscaler(image)
    upscaler.tile = 100
    assert upscaler.count_tiles(*image.shape[:2]) == 1
    np.testing.assert_array_equal(tiled, upscaler(image))


def test_bands_are_the_rows_of_the_whole_picture(image):
    upscaler = Upscaler(zoo.fsrcnn(3), tile=9)
    for picture in (image, image.astype(np.uint16) * 257):
        bands = list(upscaler.bands(Stream((row[None] for row in picture), picture.shape, picture.dtype)))
        assert len(bands) > 1
        np.testing.assert_array_equal(np.concatenate(bands), upscaler(picture))


def test_bands_are_checked_before_the_first_is_asked_for(image):
    with pytest.raises(ValueError, match="must be a uint8 or uint16 array"):
        Upscaler(zoo.fsrcnn(2)).bands(image / 255)


def test_16_bits_come_out_of_16(image):
    upscaler = Upscaler(zoo.fsrcnn(2), precision="float32")
    deep = upscaler(image.astype(np.uint16) * 257)
    assert deep.dtype == np.uint16
    # Half a step of bytes and half one of 16 bits, which is 1/257 of the former.
    assert np.abs(deep / 257 - upscaler(image)).max() <= 0.5 + 0.5 / 257 + 1e-3
    assert len(np.unique(deep % 257)) > 250


@pytest.mark.parametrize(("precision", "deep"), [("auto", "float32"), ("float32", "float32"), ("bfloat16", "bfloat16")])
def test_16_bits_are_computed_in_float32_unless_bfloat16_was_asked_for(monkeypatch, image, precision, deep):
    monkeypatch.setattr(engines, "fast_bfloat16", lambda: True)
    model, picture = zoo.fsrcnn(2), image.astype(np.uint16) * 257
    result = Upscaler(model, precision=precision)(picture)
    np.testing.assert_array_equal(result, Upscaler(model, precision=deep)(picture))
    other = Upscaler(model, precision="bfloat16" if deep == "float32" else "float32")(picture)
    assert (result != other).any()


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_scale_and_size(scale):
    upscaler = Upscaler(zoo.fsrcnn(scale))
    assert (upscaler.scale, upscaler.halo) == (scale, 7)
    for height, width in [(1, 1), (1, 9), (30, 17)]:
        result = upscaler(np.zeros((height, width, 3), np.uint8))
        assert (result.shape, result.dtype) == ((height * scale, width * scale, 3), np.uint8)


def test_the_tile_follows_from_memory(image):
    model = zoo.edsr_baseline(num_filters=4, num_blocks=1)
    small, large = (Upscaler(model, memory=memory).count_tiles(1000, 2000) for memory in (2**25, 2**23))
    assert 1 < small < large
    assert Upscaler(model, memory=2**23, tile=5).count_tiles(1000, 2000) > large
    little = Upscaler(model, memory=50_000)
    assert little(image[:5, :5]).shape == (20, 20, 3)
    assert little.count_tiles(*image.shape[:2]) > 1  # Tiles are never smaller than their halo.


def test_tiles_stay_below_what_convolutions_take_quickly():
    upscaler = Upscaler(zoo.imdn(attention=None, num_blocks=1), tile=100_000, memory=2**50)
    assert upscaler.count_tiles(1000, 1000) == 1
    assert upscaler.count_tiles(1500, 1500) > 1
    assert Upscaler(zoo.imdn(attention=None, num_blocks=1), memory=2**50).count_tiles(1500, 1500) > 1


def test_too_few_pixels_for_a_layer_are_refused(image):
    upscaler = Upscaler(zoo.shallow_edsr(2, attention="esa", num_filters=4, num_blocks=1))
    assert upscaler(image[:15, :15]).shape == (30, 30, 3)
    with pytest.raises(ValueError, match=r"at least 15 pixels on each side .* Received: image.shape=\(15, 14, 3\)"):
        upscaler(image[:15, :14])


def test_the_preset_in_tiles_gives_its_picture_to_a_rounding_error():
    """A float on the edge between two bytes falls to either side; here a few of 600,000."""
    image = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    upscaler = Upscaler(zoo.from_preset("imdn_x4"), precision="float32")
    assert upscaler.count_tiles(96, 128) == 1
    whole = upscaler(image).astype(int)
    upscaler.tile = 40
    difference = np.abs(upscaler(image) - whole)
    assert difference.max() <= 1 and (difference > 0).mean() < 1e-4


def test_a_model_of_integers_is_refused():
    inputs = keras.Input((None, None, 3), dtype="int32")
    model = keras.Model(inputs, keras.layers.Identity()(inputs))
    with pytest.raises(ValueError, match="must be one of floating-point numbers. Received: a model that takes int32"):
        Upscaler(model)


@pytest.mark.parametrize("channels", [(1, 3), (3, 1)])
def test_a_model_of_other_channels_is_refused(channels):
    inputs = keras.Input((None, None, channels[0]))
    model = keras.Model(inputs, keras.layers.Conv2D(channels[1], 3, padding="same")(inputs))
    with pytest.raises(ValueError, match="`model` must be one from RGB to RGB. Received: a model that (takes|returns)"):
        Upscaler(model)


def test_pooling_over_the_picture_is_blended_and_says_so(image):
    model = zoo.imdn(2, num_filters=16, num_blocks=1)
    upscaler = Upscaler(model, tile=10)
    assert not upscaler.exact
    tiled = upscaler(image).astype(int)
    upscaler.tile = 100
    assert 0 < np.abs(tiled - upscaler(image)).mean() < 2


def test_progress_is_told(image):
    seen = []
    upscaler = Upscaler(zoo.fsrcnn(2), tile=16)
    upscaler(image, progress=lambda done, total: seen.append((done, total)))
    total = upscaler.count_tiles(*image.shape[:2])
    assert seen == [(i, total) for i in range(total + 1)]


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
    ],
    ids=["float", "grey", "alpha", "empty"],
)
def test_other_arrays_are_refused(wrong):
    with pytest.raises(ValueError, match=r"must be a uint8 or uint16 array \(height, width, 3\). Received: image."):
        Upscaler(zoo.fsrcnn(2))(wrong)


@pytest.mark.parametrize("tile", [0, -1, 2.5, "8"])
def test_wrong_tiles_are_refused(tile):
    with pytest.raises(ValueError, match="`tile` must be a positive integer or None. Received: tile="):
        Upscaler(zoo.fsrcnn(2), tile=tile)


def test_a_layer_that_is_not_known_is_refused():
    inputs = keras.Input((None, None, 3))
    with pytest.raises(ValueError, match="Received: AveragePooling2D"):
        Upscaler(keras.Model(inputs, keras.layers.AveragePooling2D(2)(inputs)))
