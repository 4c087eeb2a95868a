import os
import sys

import keras
import numpy as np
import pytest
from exported_networks import build
from PIL import Image

import keras_lisr
from keras_lisr import zoo
from keras_lisr.export import export_model, verify
from keras_lisr.export.litert_file import read_litert_file
from keras_lisr.export.verify import draw_picture
from keras_lisr.exported import ExportedUpscaler, read_sidecar
from keras_lisr.exported.sidecar import checksum
from keras_lisr.inference import Upscaler
from keras_lisr.zoo import from_preset

UNVERIFIED = {"kept": {}, "fine_tuned": 0, "unread": {}}
MODULE = sys.modules[export_model.__module__]  # As an attribute of its package, the name is that of the function.


@pytest.mark.parametrize("file", ["network", "network.onnx", "network.xml"])
def test_other_formats(file, tmp_path):
    model = build("edsr_baseline-both")
    path = tmp_path / file
    for _ in range(2):  # The second one replaces the first.
        sidecar = export_model(model, path)
    assert read_sidecar(path) == sidecar
    assert sidecar.format == {"network": "saved_model", "network.onnx": "onnx", "network.xml": "openvino"}[file]
    assert min(found["psnr"] for found in sidecar.verification["pictures"]) > 110
    weights = [] if file != "network.xml" else ["network.bin"]
    assert sorted(os.listdir(tmp_path)) == sorted([file, f"{file}.json", *weights])
    assert sidecar.bytes > 4 * model.count_params()


@pytest.mark.parametrize("file", ["network", "network.onnx", "network.xml", "network.tflite"])
def test_what_tensorflow_cannot_trace_for_any_size_is_told(file, tmp_path):
    resize = keras.layers.UpSampling2D(2, interpolation="bilinear")
    with pytest.raises(ValueError, match="^`model`.* `shape`"):
        export_model(keras.Sequential([keras.Input((None, None, 3)), resize]), tmp_path / file)
    assert not os.listdir(tmp_path)


def test_the_sidecar(tmp_path):
    model = zoo.edsr_baseline(3, num_filters=4, num_blocks=2, ggas=True, cwss=True)
    sidecar = export_model(model, tmp_path / "network.tflite", io="uint8", shape=(20, 30))
    assert (sidecar.network, sidecar.scale, sidecar.format) == ("edsr_baseline", 3, "litert")
    assert (sidecar.quantize, sidecar.shape) == ("none", (20, 30))
    assert sidecar.sha256 == checksum(tmp_path / "network.tflite")
    assert sidecar.bytes == (tmp_path / "network.tflite").stat().st_size
    for tensor, name in ((sidecar.input, "low_resolution"), (sidecar.output, "super_resolved")):
        assert tensor["name"] == name and tensor["dtype"] == "uint8" and tensor["range"] == [0, 255]
        assert (tensor["layout"], tensor["colour"]) == ("NHWC", "RGB")
    assert (sidecar.halo, sidecar.smallest_side) == (Upscaler(model).halo, 1)
    assert (sidecar.psnr, sidecar.protocol) == ({}, "")
    assert sidecar.verification["kept"] == {} and sidecar.verification["rank"] == 4
    assert sidecar.versions.keys() == {"keras_lisr", "keras", "tensorflow", "ai-edge-litert"}
    assert sidecar.versions["keras_lisr"] == keras_lisr.__version__


@pytest.mark.parametrize(
    ("model", "halo", "smallest_side"),
    [
        (zoo.imdn(2, num_filters=16, num_blocks=1), None, 1),
        (zoo.shallow_edsr(2, num_filters=4, num_blocks=1, attention="esa"), None, 15),
        (zoo.idn(2, num_filters=16, num_blocks=1), Upscaler(zoo.idn(2, num_filters=16, num_blocks=1)).halo, 1),
    ],
    ids=["pooling", "esa", "exact"],
)
def test_tiles_of_the_file(model, halo, smallest_side, tmp_path):
    sidecar = export_model(model, tmp_path / "network.tflite", verify=False)
    assert (sidecar.halo, sidecar.smallest_side) == (halo, smallest_side)
    assert sidecar.verification == UNVERIFIED
    image = draw_picture(50, 60, 0)
    expected = Upscaler(model, tile=24, precision="float32")(image)
    error = ExportedUpscaler(tmp_path / "network.tflite", tile=24)(image).astype(int) - expected
    assert np.abs(error).max() <= 1 and (error != 0).mean() < 0.01


@pytest.mark.parametrize("name", ["network", "network.tflite", "network.onnx"])
def test_a_network_in_bfloat16_is_written_in_float32(name, tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = zoo.fsrcnn(2, num_filters=4, num_blocks=1)
    finally:
        keras.config.set_dtype_policy("float32")
    exact = zoo.fsrcnn(2, num_filters=4, num_blocks=1)
    exact.set_weights(model.get_weights())
    found = export_model(model, tmp_path / name, verify=False)
    verify(exact, tmp_path / name, format=found.format)


def test_both_strategies_are_folded_and_what_is_kept_is_told(tmp_path):
    path, tiny = tmp_path / "network.tflite", {"num_filters": 4, "num_blocks": 1, "ggas": True, "cwss": True}
    assert export_model(zoo.edsr_baseline(2, **tiny), path, verify=False).verification == UNVERIFIED
    assert read_litert_file(path).operators["MUL"] == 1  # By the attention map.
    kept = export_model(zoo.memnet(2, num_recursions=2, **tiny), path, verify=False).verification["kept"]
    assert list(kept) == ["block_1_alpha"] and kept["block_1_alpha"].startswith("two different scales meet at ")


def test_sets_are_measured(tmp_path):
    (tmp_path / "Tiny" / "HR").mkdir(parents=True)
    Image.fromarray(draw_picture(96, 90, 0)).save(tmp_path / "Tiny" / "HR" / "a.png")
    model = zoo.fsrcnn(2, num_filters=8, num_blocks=1)
    path = tmp_path / "network.tflite"
    for shape in (None, (40, 36)):  # The picture has 48 x 45.
        sidecar = export_model(model, path, shape=shape, evaluate=[tmp_path / "Tiny"])
        assert read_sidecar(path) == sidecar
        assert sidecar.psnr["Tiny"]["file"] == pytest.approx(sidecar.psnr["Tiny"]["float"], abs=0.01)
        assert sidecar.psnr["Tiny"]["images"] == 1
        assert "shave 2" in sidecar.protocol and "imresize" in sidecar.protocol


@pytest.mark.usefixtures("quick_int8")
def test_a_file_is_judged_by_what_it_is_for(tmp_path):
    """Grey pictures: a drawn one in colour is 26 to 30 dB from Keras, and tells nothing of them."""
    (tmp_path / "grey").mkdir()
    for phase in range(4):
        grey = draw_picture(96, 120, phase).mean(-1).astype(np.uint8)
        Image.fromarray(grey).save(tmp_path / "grey" / f"{phase}.png")
    (tmp_path / "grey" / "broken.png").write_bytes(b"")
    path = tmp_path / "network.tflite"
    sidecar = export_model(from_preset("fsrcnn_x4"), path, quantize="int8", representative=tmp_path / "grey", io="int8")
    assert sidecar.input["dtype"] == sidecar.output["dtype"] == "int8"
    assert list(sidecar.verification["unread"]) == ["broken.png"]
    held_out = sidecar.verification["held_out"]
    assert held_out["psnr"] > 33 and held_out["loss"] < 1
    assert read_sidecar(path) == sidecar
    image = draw_picture(50, 60, 0)
    expected = Upscaler(from_preset("fsrcnn_x4"), precision="float32")(image).astype(int)
    assert np.abs(ExportedUpscaler(path)(image) - expected).mean() < 12


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("name", ["network", "network.tflite", "network.xml"])
def test_a_file_that_fails_is_not_left_behind(name, error, monkeypatch, tmp_path):
    def fail(*_, **__):
        raise error

    export_model(build("fsrcnn-plain"), tmp_path / name, verify=False)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    monkeypatch.setattr(MODULE, "verify_file", fail)
    with pytest.raises(error):
        export_model(build("fsrcnn-ggas"), tmp_path / name)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


def test_what_a_link_points_to_is_replaced(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "target.tflite").write_bytes(b"old")
    (tmp_path / "link.tflite").symlink_to("real/target.tflite")
    export_model(build("fsrcnn-plain"), tmp_path / "link.tflite", verify=False)
    assert (tmp_path / "link.tflite").is_symlink()
    assert read_sidecar(tmp_path / "real" / "target.tflite").file == "target.tflite"


@pytest.mark.parametrize(
    ("file", "options", "name"),
    [
        ("n.pb", {}, "format"),
        ("n.tflite", {"format": "onnx"}, "path"),
        ("n.tflite", {"format": "tflite"}, "format"),
        ("n.onnx", {"quantize": "int8"}, "quantize"),
        ("n.xml", {"io": "uint8"}, "io"),
        ("n", {"shape": (20, 20)}, "shape"),
        ("n.tflite", {"quantize": "int8"}, "representative"),
        ("n.tflite", {"quantize": "int8", "representative": ["a.png"]}, "representative"),
        ("n.tflite", {"fine_tune": 5}, "fine_tune"),
        ("n.tflite", {"io": "int8"}, "io"),
        ("n.tflite", {"opset": 17}, "opset"),
        ("n.onnx", {"opset": 17.0}, "opset"),
        ("n.tflite", {"shape": (20, -1)}, "shape"),
        ("n.tflite", {"shape": (14, 20)}, "shape"),
        ("n.tflite", {"evaluate": ["set99"]}, "data"),
        ("missing/n.tflite", {}, "path"),
        ("file", {}, "path"),
        ("folder", {"format": "saved_model"}, "path"),
        ("mine.tflite", {}, "path"),
        ("file.xml", {}, "path"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_computed(file, options, name, monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_LISR_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine.txt").write_text("")
    (tmp_path / "file").write_text("")
    (tmp_path / "file.bin").write_text("")
    (tmp_path / "mine.tflite.json").write_text('{"format": "mine"}')
    before = sorted(os.listdir(tmp_path))
    monkeypatch.setattr(MODULE, "rescale_model", None)
    with pytest.raises(ValueError, match=f"`{name}`|{name}="):
        export_model(build("shallow_edsr-esa"), tmp_path / file, **options)
    assert sorted(os.listdir(tmp_path)) == before


def test_other_models_are_refused(tmp_path):
    inputs = keras.Input((None, None, 3))
    for model in (keras.Model(inputs, keras.layers.Conv2D(4, 1)(inputs)), keras.Sequential(), "imdn_x4"):
        with pytest.raises(ValueError, match="model"):
            export_model(model, tmp_path / "network.tflite")


class Shifted(keras.layers.Layer):
    """A layer of somebody else's that tells no configuration."""

    def __init__(self, offset):
        super().__init__()
        self.offset = offset

    def call(self, image):
        return image + self.offset


def test_models_inside_and_layers_of_others_are_exported(tmp_path):
    preset = zoo.imdn(2, num_filters=16, num_blocks=1, attention=None, ggas=True, cwss=True)
    joined = keras.layers.Concatenate(axis=1)
    inputs = keras.Input((24, 24, 3))
    parts = keras.ops.split(preset(Shifted(0.25)(inputs)), 2, axis=1)
    model = keras.Model(inputs, joined(parts))
    sidecar = export_model(model, tmp_path / "network.tflite", shape=(24, 24))
    assert (sidecar.scale, sidecar.halo) == (2, None) and sidecar.verification["pictures"][0]["psnr"] > 100


def test_a_network_with_strides_is_exported_for_sides_that_it_takes(tmp_path):
    inputs = keras.Input((None, None, 3))
    coarse = keras.layers.Conv2D(4, 3, strides=2, padding="same")(inputs)
    model = keras.Model(inputs, keras.layers.Conv2DTranspose(3, 4, strides=4, padding="same")(coarse))
    with pytest.raises(ValueError, match="`shape`.* 2,"):
        export_model(model, tmp_path / "network.tflite", shape=(25, 32))
    assert export_model(model, tmp_path / "network.tflite", shape=(24, 32)).scale == 2


def assert_same_bytes(image, other):
    error = np.abs(image.astype(int) - other)
    assert error.max() <= 1 and (error > 0).mean() < 0.01


@pytest.mark.parametrize("shape", [None, (32, 40)])
def test_tiles_of_a_file_keep_the_grid_of_strides(shape, tmp_path):
    layers = keras.layers.AveragePooling2D(4), keras.layers.UpSampling2D(8)
    model = keras.Sequential([keras.Input((None, None, 3)), *layers])
    export_model(model, tmp_path / "network.tflite", shape=shape)
    upscaler = ExportedUpscaler(tmp_path / "network.tflite", tile=None if shape else 24)
    for height, width in ((70, 91), (33, 90)):
        picture = draw_picture(height, width, 0)
        assert upscaler.count_tiles(height, width) > 1
        assert_same_bytes(upscaler(picture), Upscaler(model, precision="float32")(picture))


def test_a_model_for_one_size_is_exported_for_that(tmp_path):
    inputs = keras.Input((20, 24, 3))
    model = keras.models.clone_model(zoo.fsrcnn(2, num_filters=8, num_blocks=1), input_tensors=inputs)
    for shape in (None, (24, 20)):
        with pytest.raises(ValueError, match="`shape`"):
            export_model(model, tmp_path / "network.tflite", shape=shape)
    with pytest.raises(ValueError, match="`shape`.*LiteRT"):
        export_model(model, tmp_path / "network.xml")
    for name in ("network.tflite", "network.onnx"):
        sidecar = export_model(model, tmp_path / name, shape=(20, 24))
        assert sidecar.shape == (20, 24)
        assert {(found["height"], found["width"]) for found in sidecar.verification["pictures"]} == {(20, 24)}


@pytest.mark.slow
def test_the_default_preset(benchmarks, tmp_path):
    folder = benchmarks / "Set5"
    sidecar = export_model(from_preset("imdn_x4"), tmp_path / "a.tflite", quantize="float16", evaluate=[folder])
    assert sidecar.bytes < 1_600_000
    assert sidecar.psnr["Set5"]["file"] == pytest.approx(sidecar.psnr["Set5"]["float"], abs=0.005)
    assert sidecar.psnr["Set5"]["float"] == pytest.approx(31.82, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "steps"), [("imdn_x4", 0), ("imdn_x3", 0), ("edsr_baseline_x4", 0), ("fsrcnn_x4", 300)]
)
def test_the_presets_in_integers(name, steps, benchmarks, tmp_path):
    photographs = benchmarks.parent / "train"
    if not photographs.is_dir():
        pytest.skip("KERAS_LISR_DATA has no folder `train` for the calibration")
    sidecar = export_model(
        from_preset(name),
        tmp_path / "a.tflite",
        quantize="int8",
        io="uint8",
        representative=photographs,
        fine_tune=steps,
        evaluate=[benchmarks / "Set5"],
    )
    assert 0 < sidecar.psnr["Set5"]["float"] - sidecar.psnr["Set5"]["file"] <= 0.20
