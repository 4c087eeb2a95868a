import keras
import numpy as np
import pytest
from reference import to_numpy

from keras_lisr import zoo
from keras_lisr.export import export_model
from keras_lisr.inference import Upscaler, engines
from keras_lisr.layers import EnhancedSpatialAttention
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
    with pytest.raises(ValueError, match="`image`"):
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
    with pytest.raises(ValueError, match="`image`.* 15 pixels"):
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


@pytest.mark.parametrize(("channels", "dtype"), [((1, 3), "float32"), ((3, 1), "float32"), ((3, 3), "int32")])
def test_a_model_of_other_channels_or_of_integers_is_refused(channels, dtype):
    inputs = keras.Input((None, None, channels[0]), dtype=dtype)
    layer = keras.layers.Identity() if dtype == "int32" else keras.layers.Conv2D(channels[1], 3, padding="same")
    with pytest.raises(ValueError, match="`model`"):
        Upscaler(keras.Model(inputs, layer(inputs)))


def test_pooling_over_the_picture_is_blended_and_says_so(image):
    model = zoo.imdn(2, num_filters=16, num_blocks=1)
    upscaler = Upscaler(model, tile=10)
    assert not upscaler.exact
    tiled = upscaler(image).astype(int)
    upscaler.tile = 100
    assert 0 < np.abs(tiled - upscaler(image)).mean() < 2


@pytest.mark.parametrize("tile", [0, 2.5])
def test_wrong_tiles_are_refused(tile):
    with pytest.raises(ValueError, match="`tile`"):
        Upscaler(zoo.fsrcnn(2), tile=tile)


@keras.saving.register_keras_serializable("test")
class SubPixel(keras.layers.Layer):
    """Depth to space as in Keras's own example, a layer of unknown receptive field."""

    def call(self, features):
        batch, height, width, channels = keras.ops.shape(features)
        blocks = keras.ops.reshape(features, (batch, height, width, 2, 2, channels // 4))
        rows = keras.ops.transpose(blocks, (0, 1, 3, 2, 4, 5))
        return keras.ops.reshape(rows, (batch, 2 * height, 2 * width, channels // 4))


@keras.saving.register_keras_serializable("test")
class KnownSubPixel(SubPixel):
    """The same, known."""

    receptive_field_radius = 0


@keras.saving.register_keras_serializable("test")
class KnownNetwork(keras.Model):
    """A model with a `call` of its own."""

    receptive_field_radius = 1

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.convolution, self.sub_pixel = keras.layers.Conv2D(12, 3, padding="same"), SubPixel()

    def call(self, image):
        return self.sub_pixel(self.convolution(image))


def sub_pixel_network(layer, size=(None, None), channels=3):
    convolution = keras.layers.Conv2D(4 * channels, 3, padding="same")
    return keras.Sequential([keras.Input((*size, channels)), convolution, layer])


def pyramid():
    """A network with strides, which takes even sides only."""
    image = keras.Input((None, None, 3))
    coarse = keras.layers.Conv2D(8, 3, strides=2, padding="same")(image)
    features = keras.layers.Concatenate()([image, keras.layers.UpSampling2D(2)(coarse)])
    return keras.Model(image, keras.ops.depth_to_space(keras.layers.Conv2D(12, 3, padding="same")(features), 2))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_models_of_others_give_their_own_picture(image, precision):
    preset = zoo.fsrcnn(2)
    for model in (
        keras.Sequential([keras.Input((None, None, 3)), keras.layers.RandomFlip(), preset, keras.layers.ReLU()]),
        keras.Model(preset.input, keras.ops.clip(preset.output / 2.0, 0, 1)),
        sub_pixel_network(SubPixel()),
    ):
        whole = to_numpy(model(image[None] / np.float32(255), training=False))[0].clip(0, 1) * 255
        difference = np.abs(Upscaler(model, precision=precision)(image) - whole)
        assert difference.mean() < (0.6 if precision == "float32" else 2)


def test_what_is_not_known_is_blended_and_said(image, caplog):
    network = sub_pixel_network(SubPixel())
    upscaler = Upscaler(network, tile=9)
    assert (upscaler.scale, upscaler.exact) == (2, False)
    assert sum("SubPixel" in record.message for record in caplog.records) == 1
    assert upscaler.count_tiles(60, 80) > 1
    assert upscaler(image).shape == (80, 106, 3)


@pytest.mark.parametrize("make", [lambda: sub_pixel_network(KnownSubPixel()), KnownNetwork])
def test_what_a_layer_or_model_says_of_itself_survives_a_file(make, tmp_path, image):
    network = make()
    network(image[None] / np.float32(255))
    network.save(tmp_path / "known.keras")
    upscaler = Upscaler(zoo.load_model(tmp_path / "known.keras"))
    assert (upscaler.exact, upscaler.halo) == (True, 1)


def test_a_model_for_one_size_sees_windows_of_that_size(image):
    network = sub_pixel_network(KnownSubPixel(), (24, 32))
    upscaler, free = Upscaler(network, precision="float32"), sub_pixel_network(KnownSubPixel())
    free.set_weights(network.get_weights())
    assert upscaler.shape == (24, 32)
    np.testing.assert_array_equal(upscaler(image), Upscaler(free, precision="float32")(image))
    assert upscaler(image[:9, :40]).shape == (18, 80, 3)
    attention = keras.Sequential([keras.Input((24, 32, 3)), EnhancedSpatialAttention(1)])
    assert Upscaler(attention)(image[:9, :40]).shape == (9, 40, 3)
    blended = Upscaler(sub_pixel_network(SubPixel(), (24, 32)))
    assert blended(image).shape == (80, 106, 3)


@pytest.mark.parametrize(
    ("layer", "size"),
    [
        (keras.layers.LayerNormalization(axis=[1, 2]), (24, 32)),
        (keras.layers.TimeDistributed(keras.layers.Dense(3)), (24, 32)),
        (keras.layers.TimeDistributed(keras.layers.Dense(3)), (None, None)),
    ],
)
def test_layers_that_want_to_know_the_size_run(image, layer, size):
    network = keras.Sequential([keras.Input((*size, 3)), layer])
    picture = image[:24, :32]
    whole = to_numpy(network(picture[None] / np.float32(255)))[0].clip(0, 1) * 255
    assert np.abs(Upscaler(network, precision="float32")(picture) - whole).max() < 0.51


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize`")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_what_keras_has_quantized_runs_and_is_not_exported(image, tmp_path, precision):
    network = sub_pixel_network(KnownSubPixel())
    network.add(keras.layers.Dense(3))
    expected = Upscaler(network, precision="float32")(image)
    network.quantize("int8")
    network.save(tmp_path / "int8.keras")
    network = zoo.load_model(tmp_path / "int8.keras")
    assert np.abs(Upscaler(network, precision=precision)(image) - expected.astype(int)).mean() < 2
    with pytest.raises(ValueError, match="`model`.*quantize"):
        export_model(network, tmp_path / "int8.tflite")


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_networks_that_resize_take_any_size(image, interpolation):
    resize = keras.layers.UpSampling2D(2, interpolation=interpolation)
    upscaler = Upscaler(keras.Sequential([keras.Input((None, None, 3)), resize]), tile=16, precision="float32")
    tiled = upscaler(image)
    upscaler.tile = 100
    np.testing.assert_array_equal(tiled, upscaler(image))


def test_networks_with_strides_take_odd_sides(image):
    upscaler = Upscaler(pyramid())
    assert not upscaler.exact
    assert upscaler(image[:39]).shape == (78, 106, 3)


@pytest.mark.parametrize("tile", [1, 9, 16])
def test_tiles_keep_the_grid_of_strides(tile):
    image = keras.Input((None, None, 3))
    coarse = keras.layers.AveragePooling2D(4)(image)
    model = keras.Model(image, keras.layers.UpSampling2D(8)(coarse))
    picture = np.random.default_rng(0).integers(0, 256, (70, 91, 3), dtype=np.uint8)
    upscaler, whole = (Upscaler(model, tile=side, precision="float32") for side in (tile, None))
    assert upscaler.count_tiles(70, 91) > 1
    np.testing.assert_array_equal(upscaler(picture), whole(picture))


def test_a_network_of_another_range_is_told(caplog):
    bright = np.full((12, 12, 3), 200, np.uint8)
    preset = zoo.from_preset("imdn_x4")
    for model, told in ((preset, 0), (keras.Model(preset.input, preset.output * 255.0), 1)):
        upscaler = Upscaler(model)
        upscaler(bright)
        upscaler(bright)
        assert sum("[0, 255]" in record.message for record in caplog.records) == told


@pytest.mark.parametrize(
    "model",
    [
        keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(3, 3)]),
        keras.Sequential([keras.Input((None, None, 3)), keras.layers.AveragePooling2D(2)]),
        sub_pixel_network(SubPixel(), channels=1),
    ],
    ids=["valid", "smaller", "luma"],
)
def test_a_model_that_makes_no_enlarged_rgb_is_refused(model):
    with pytest.raises(ValueError, match="`model`"):
        Upscaler(model)
