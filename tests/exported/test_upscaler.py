import shutil
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import pytest
from litert_files import describe
from PIL import Image

from keras_lisr.basics.preset_index import choose_model
from keras_lisr.batch.engines import choose_engine
from keras_lisr.export import export_model
from keras_lisr.exported import ExportedUpscaler, LiteRTNetwork
from keras_lisr.exported.sidecar import sidecar_path
from keras_lisr.inference import Upscaler
from keras_lisr.tiling.rows import Stream


def by_keras(model, image, **options):
    return Upscaler(model, precision="float32", **options)(image)


def assert_equal(bytes_, others):
    """Equal but for floats on the edge between two bytes, which fall to either side."""
    difference = np.abs(bytes_.astype(int) - others)
    assert bytes_.dtype == np.uint8
    assert difference.max() <= 1 and (difference > 0).mean() < 1e-3


def copy_of(file, folder, model, **changes):
    copy = folder / file.name
    copy.write_bytes(file.read_bytes())
    describe(copy, model, **changes)
    return copy


def test_upscales_as_keras_does(networks, litert_file, image):
    upscaler = ExportedUpscaler(litert_file("any"))
    assert (upscaler.scale, upscaler.halo, upscaler.exact, upscaler.shape) == (2, 6, True, None)
    for picture in (image, image[:1, :1], image[:30, 1:2], image):
        assert upscaler.count_tiles(*picture.shape[:2]) == 1
        assert_equal(upscaler(picture), by_keras(networks["exact"], picture))


def test_tiles_give_the_bytes_of_the_whole_picture(litert_file, image):
    whole, tiled = ExportedUpscaler(litert_file("any")), ExportedUpscaler(litert_file("any"), tile=9, threads=1)
    assert tiled.count_tiles(*image.shape[:2]) == 4 * 5
    np.testing.assert_array_equal(tiled(image), whole(image))


def test_the_halo_is_that_of_the_sidecar(networks, litert_file, image, tmp_path):
    file = copy_of(litert_file("any"), tmp_path, networks["exact"], halo=1)
    upscaler = ExportedUpscaler(file, tile=9)
    assert upscaler.halo == 1
    assert (upscaler(image) != by_keras(networks["exact"], image)).any()


@pytest.mark.parametrize("changes", [{"scale": 3}, {"shape": (40, 53)}, {"input": {"dtype": "float32"}}])
def test_a_sidecar_that_says_something_else_is_refused(networks, litert_file, tmp_path, changes):
    with pytest.raises(ValueError, match=f"`path`.*{next(iter(changes))}"):
        ExportedUpscaler(copy_of(litert_file("any"), tmp_path, networks["exact"], **changes))


def test_suffixes_may_be_in_capitals(litert_file, tmp_path, image):
    file = Path(choose_model(str(shutil.copy(litert_file("any"), tmp_path / "F.TFLITE")), exported=True))
    shutil.copy(sidecar_path(litert_file("any")), sidecar_path(file))
    for engine in ("litert", "openvino")[: 1 + bool(find_spec("openvino"))]:
        assert_equal(
            ExportedUpscaler(choose_engine(str(file), engine, "float32").model, engine=engine)(image),
            ExportedUpscaler(litert_file("any"))(image),
        )


def test_pictures_of_pillow_are_taken(litert_file, image):
    upscaler = ExportedUpscaler(litert_file("any"))
    np.testing.assert_array_equal(upscaler(Image.fromarray(image)), upscaler(image))
    with pytest.raises(ValueError, match="`image`"):
        upscaler(Image.fromarray(image).convert("L"))


@pytest.mark.parametrize(("height", "width"), [(24, 32), (24, 53), (40, 53), (25, 33)])
def test_windows_of_one_size_give_the_bytes_of_the_whole_picture(networks, litert_file, image, height, width):
    upscaler = ExportedUpscaler(litert_file("static"))
    assert upscaler.shape == (24, 32)
    assert (upscaler.count_tiles(height, width) == 1) == ((height, width) == (24, 32))
    assert not upscaler.fills_up(height, width)
    assert_equal(upscaler(image[:height, :width]), by_keras(networks["exact"], image[:height, :width]))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (23, 32), (24, 9), (13, 53), (40, 20)])
def test_a_picture_smaller_than_the_file_is_filled_up_with_its_reflection(networks, litert_file, image, height, width):
    upscaler = ExportedUpscaler(litert_file("static"))
    picture = image[:height, :width]
    missing = [(0, max(0, 24 - height)), (0, max(0, 32 - width)), (0, 0)]
    result = upscaler(picture)
    assert upscaler.fills_up(height, width)
    assert result.shape == (2 * height, 2 * width, 3)
    filled_up = by_keras(networks["exact"], np.pad(picture, missing, mode="reflect"))
    assert_equal(result, filled_up[: 2 * height, : 2 * width])

    differs = (np.abs(result.astype(int) - by_keras(networks["exact"], picture)) > 1).any(axis=2)
    rows = 2 * (height - upscaler.halo * (height < 24))
    columns = 2 * (width - upscaler.halo * (width < 32))
    assert differs.any()
    assert not differs[:rows, :columns].any()


def test_a_file_too_small_for_tiles_takes_its_own_size(networks, litert_file, image, tmp_path):
    file = copy_of(litert_file("static"), tmp_path, networks["exact"], halo=12)
    upscaler = ExportedUpscaler(file)
    assert upscaler(image[:24, :32]).shape == (48, 64, 3)
    with pytest.raises(ValueError, match="`image`.* 12 pixels"):
        upscaler(image)


def test_pooling_over_the_picture_is_blended_and_says_so(networks, litert_file, image):
    upscaler = ExportedUpscaler(litert_file("pooling"), tile=10)
    assert (upscaler.exact, upscaler.halo) == (False, 16)
    assert upscaler.count_tiles(*image.shape[:2]) > 1
    assert_equal(upscaler(image), by_keras(networks["pooling"], image, tile=10))
    assert_equal(ExportedUpscaler(litert_file("pooling"))(image), by_keras(networks["pooling"], image))


def test_what_is_not_known_is_blended_as_keras_does(tmp_path, image):
    class Unknown(keras.layers.Layer):
        def call(self, features):
            return features / (1 + keras.ops.mean(features, (1, 2), keepdims=True))

    network = keras.Sequential([keras.Input((None, None, 3)), Unknown()])
    export_model(network, tmp_path / "unknown.tflite", verify=False)
    upscaler = ExportedUpscaler(tmp_path / "unknown.tflite", tile=10)
    picture = image.repeat(3, 0).repeat(3, 1)
    assert upscaler.count_tiles(*picture.shape[:2]) > 1
    assert_equal(upscaler(picture), by_keras(network, picture, tile=10))


@pytest.mark.parametrize("io", ["uint8", "int8"])
def test_integers_are_quantized_as_the_sidecar_says(networks, litert_file, image, io):
    upscaler = ExportedUpscaler(litert_file(io))
    network = LiteRTNetwork(litert_file(io))
    zero_point = -128 if io == "int8" else 0
    integers = network((image.astype(int) + zero_point).astype(io)[None])[0]
    values = network.output["scale"] * (integers.astype(np.float64) - network.output["zero_point"])
    np.testing.assert_array_equal(upscaler(image), np.floor(values.clip(0, 1) * 255 + 0.5))
    error = upscaler(image).astype(int) - by_keras(networks["exact"], image)
    assert np.abs(error).mean() < 1
    upscaler.tile = 9
    np.testing.assert_array_equal(upscaler(image), ExportedUpscaler(litert_file(io))(image))


def test_16_bits_are_upscaled_as_keras_does(networks, litert_file, image):
    picture = image.astype(np.uint16) * 257
    for name, tile in (("any", None), ("any", 9), ("static", None)):
        result = ExportedUpscaler(litert_file(name), tile=tile)(picture)
        assert result.dtype == np.uint16
        assert np.abs(result.astype(int) - by_keras(networks["exact"], picture)).max() <= 1


def test_16_bits_are_refused_by_a_file_of_bytes(litert_file, image):
    with pytest.raises(ValueError, match="`image`"):
        ExportedUpscaler(litert_file("int8"))(image.astype(np.uint16))


@pytest.mark.parametrize("name", ["any", "static"])
@pytest.mark.parametrize(("height", "width"), [(40, 53), (20, 53), (40, 20), (10, 9)])
def test_bands_are_the_rows_of_the_whole_picture(litert_file, image, name, height, width):
    picture = image[:height, :width]
    upscaler = ExportedUpscaler(litert_file(name), tile=9 if name == "any" else None)
    bands = upscaler.bands(Stream((row[None] for row in picture), picture.shape, picture.dtype))
    np.testing.assert_array_equal(np.concatenate(list(bands)), upscaler(picture))


def test_the_tile_follows_from_memory(litert_file, image):
    small, large = (ExportedUpscaler(litert_file("any"), memory=memory) for memory in (2**24, 2**22))
    assert 1 < small.count_tiles(1000, 2000) < large.count_tiles(1000, 2000)
    little = ExportedUpscaler(litert_file("any"), memory=1000)
    np.testing.assert_array_equal(little(image), small(image))


def test_too_few_pixels_for_a_layer_are_refused_where_nothing_is_filled_up(networks, litert_file, image, tmp_path):
    upscaler = ExportedUpscaler(copy_of(litert_file("any"), tmp_path, networks["exact"], smallest_side=15))
    with pytest.raises(ValueError, match="`image`.* 15 pixels"):
        upscaler(image[:14, :15])
    upscaler = ExportedUpscaler(copy_of(litert_file("static"), tmp_path, networks["exact"], smallest_side=15))
    assert upscaler(image[:14, :15]).shape == (28, 30, 3)


def test_wrong_arguments_are_refused(litert_file, image):
    with pytest.raises(ValueError, match="`tile`"):
        ExportedUpscaler(litert_file("static"), tile=9)
    with pytest.raises(ValueError, match="`image`"):
        ExportedUpscaler(litert_file("any"))(image / 255)
