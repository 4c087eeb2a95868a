import os
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from exported_networks import build
from PIL import Image
from reference import picture

import keras_lisr
from keras_lisr import zoo
from keras_lisr.export import export_model, litert
from keras_lisr.export.litert_file import check_litert_file
from keras_lisr.export.verify import drawn_picture
from keras_lisr.inference import Upscaler
from keras_lisr.litert import LiteRTNetwork, LiteRTUpscaler, read_sidecar
from keras_lisr.litert.sidecar import checksum
from keras_lisr.zoo import from_preset

MODULE = sys.modules[export_model.__module__]  # As an attribute of its package, the name is that of the function.
PICTURES = [np.rint(255 * picture(72, 90, 3, phase=phase)).astype(np.uint8) for phase in range(3)]


def given(quantize):
    return {"quantize": quantize, "representative": PICTURES if quantize == "int8" else None}


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


def test_the_format_can_be_named(tmp_path):
    assert export_model(build("fsrcnn-plain"), tmp_path / "network.v2", format="saved_model").format == "saved_model"
    assert (tmp_path / "network.v2" / "saved_model.pb").is_file()


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
    assert sidecar.verification == {"kept": {}, "fine_tuned": 0}
    image = drawn_picture(50, 60, 0)
    expected = Upscaler(model, tile=24, precision="float32")(image)
    error = LiteRTUpscaler(tmp_path / "network.tflite", tile=24)(image).astype(int) - expected
    assert np.abs(error).max() <= 1 and (error != 0).mean() < 0.01


def test_both_strategies_are_folded_and_what_is_kept_is_told(tmp_path):
    path, tiny = tmp_path / "network.tflite", {"num_filters": 4, "num_blocks": 1, "ggas": True, "cwss": True}
    assert export_model(zoo.edsr_baseline(2, **tiny), path, verify=False).verification == {"kept": {}, "fine_tuned": 0}
    assert check_litert_file(path, static=False, integer=False).operators["MUL"] == 1  # By the attention map.
    kept = export_model(zoo.memnet(2, num_recursions=2, **tiny), path, verify=False).verification["kept"]
    assert list(kept) == ["block_1_alpha"] and kept["block_1_alpha"].startswith("two different scales meet at ")


def test_sets_are_measured(tmp_path):
    (tmp_path / "Tiny" / "HR").mkdir(parents=True)
    Image.fromarray(drawn_picture(96, 90, 0)).save(tmp_path / "Tiny" / "HR" / "a.png")
    model = zoo.fsrcnn(2, num_filters=8, num_blocks=1)
    for shape in (None, (40, 36)):  # The picture has 48 x 45.
        path = tmp_path / "network.tflite"
        sidecar = export_model(model, path, shape=shape, evaluate=[tmp_path / "Tiny"])
        assert read_sidecar(path) == sidecar
        assert sidecar.psnr["Tiny"]["file"] == pytest.approx(sidecar.psnr["Tiny"]["float"], abs=0.01)
        assert sidecar.psnr["Tiny"]["images"] == 1
        assert "shave 2" in sidecar.protocol and "imresize" in sidecar.protocol


@pytest.mark.usefixtures("quick_int8")
@pytest.mark.parametrize("quantize", ["none", "float16", "int8"])
def test_a_file_that_fails_is_not_left_behind(quantize, monkeypatch, tmp_path):
    good, bad = build("fsrcnn-plain"), build("fsrcnn-plain")
    for weight in bad.weights:
        weight.assign(weight[::-1])
    path = tmp_path / "network.tflite"
    path.write_bytes(b"old")
    write = litert.write_litert
    monkeypatch.setattr(MODULE, "write_litert", lambda _, *arguments, **options: write(bad, *arguments, **options))
    with pytest.raises(ValueError, match="The file must compute what the network does"):
        export_model(good, path, **given(quantize))
    assert os.listdir(tmp_path) == ["network.tflite"] and path.read_bytes() == b"old"
    export_model(good, path, **given(quantize), verify=False)
    assert LiteRTNetwork(path).scale == 4


def test_an_interruption_leaves_what_was_there(monkeypatch, tmp_path):
    export_model(build("fsrcnn-plain"), tmp_path / "network")
    before = checksum(tmp_path / "network")

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(MODULE, "verify_file", interrupt)
    with pytest.raises(KeyboardInterrupt):
        export_model(build("fsrcnn-ggas"), tmp_path / "network")
    assert sorted(os.listdir(tmp_path)) == ["network", "network.json"]
    assert checksum(tmp_path / "network") == before == read_sidecar(tmp_path / "network").sha256


def test_what_a_link_points_to_is_replaced(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "target.tflite").write_bytes(b"old")
    (tmp_path / "link.tflite").symlink_to("real/target.tflite")
    export_model(build("fsrcnn-plain"), tmp_path / "link.tflite", verify=False)
    assert (tmp_path / "link.tflite").is_symlink()
    assert read_sidecar(tmp_path / "real" / "target.tflite").file == "target.tflite"


@pytest.mark.parametrize(
    ("file", "options", "message"),
    [
        ("n.pb", {}, "`format` must be given where the name does not say it"),
        ("n.tflite", {"format": "onnx"}, "`path` must end in .onnx for 'onnx'"),
        ("n.tflite", {"format": "tflite"}, "`format` must be one of saved_model, litert, onnx, openvino"),
        ("n.onnx", {"quantize": "int8"}, "`quantize` must be 'none' for 'onnx'. Received: quantize='int8'"),
        ("n.xml", {"io": "uint8"}, "`io` must be 'float32' for 'openvino'. Received: io='uint8'"),
        ("n", {"shape": (20, 20)}, "`shape` must be None for 'saved_model'"),
        ("n.tflite", {"quantize": "int8"}, "`representative` must be given for 'int8'"),
        ("n.tflite", {"quantize": "int8", "representative": []}, "Received: an empty list"),
        ("n.tflite", {"fine_tune": 5}, "`fine_tune` must be a number of steps, and 0 for anything but 'int8'"),
        ("n.tflite", {"shape": (20, -1)}, "`shape` must be a height and a width"),
        ("n.tflite", {"shape": (14, 20)}, "`shape` must be at least 15 pixels on each side for this network"),
        ("n.tflite", {"evaluate": ["set99"]}, "data='set99'"),
        ("n.tflite", {"shape": (32, 40), "evaluate": ["folder"]}, "`shape` must be more than 32 pixels on each side"),
        ("missing/n.tflite", {}, "`path` must be a file in an existing folder"),
        ("folder.tflite", {}, "`path` must be a file in an existing folder"),
        ("file", {}, "`path` must be a folder in an existing folder"),
        ("folder", {"format": "saved_model"}, "`folder` must be a new or empty folder, or a SavedModel"),
        ("taken.tflite", {}, "`path` must be a name beside which taken.tflite.json is no file of others"),
        ("mine.tflite", {}, "`path` must be a name beside which mine.tflite.json is no file of others"),
        ("loop.tflite", {}, "`path` must be a name in an existing folder. Received: path='.*loop.tflite'"),
        ("file.xml", {}, "`path` must be a name whose weights, file.bin, replace nothing but those of a file.xml"),
        ("folder_beside.xml", {}, "`path` must be a name whose weights, folder_beside.bin, replace nothing"),
        ("link.tflite", {"format": "litert"}, "`path` must end in .tflite for 'litert'. Received: path='.*/file'"),
        *(
            ("n.tflite", {"quantize": "int8", "representative": wrong}, "or a list of uint8 arrays .* Received: repr")
            for wrong in (["a.png"], [Path("a.png")], (picture for picture in PICTURES), 5, b"folder")
        ),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_computed(file, options, message, monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_LISR_DATA", str(tmp_path))
    (tmp_path / "folder.tflite").mkdir()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine.txt").write_text("")
    (tmp_path / "file").write_text("")
    (tmp_path / "file.bin").write_text("")
    (tmp_path / "folder_beside.xml").write_text("")
    (tmp_path / "folder_beside.bin").mkdir()
    (tmp_path / "taken.tflite.json").mkdir()
    (tmp_path / "mine.tflite.json").write_text('{"format": "mine"}')
    (tmp_path / "link.tflite").symlink_to("file")
    (tmp_path / "loop.tflite").symlink_to("loop.tflite")
    before = sorted(os.listdir(tmp_path))
    if "Received: an empty list" not in message:
        monkeypatch.setattr(MODULE, "folding", None)
    with pytest.raises(ValueError, match=message):
        export_model(build("shallow_edsr-esa"), tmp_path / file, **options)
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.parametrize("outputs", [1, 4])
def test_other_models_are_refused(outputs, tmp_path):
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(outputs, 1)(inputs))
    with pytest.raises(ValueError, match="must be one from RGB to RGB. Received: a model that returns"):
        export_model(model, tmp_path / "network.tflite")


@pytest.mark.parametrize("model", [keras.Sequential(), keras.Sequential([keras.Input((8, 8, 3))]), "imdn_x4"])
def test_other_than_functional_models_are_refused(model, tmp_path):
    with pytest.raises(ValueError, match="`model` must be a functional model with one input and one output. Received"):
        export_model(model, tmp_path / "network.tflite")


@pytest.mark.parametrize("name", ["replaced", "old", "new"])
def test_any_name_can_be_replaced(name, tmp_path):
    for _ in range(2):
        sidecar = export_model(build("fsrcnn-plain"), tmp_path / name, verify=False)
    assert sorted(os.listdir(tmp_path)) == [name, f"{name}.json"]
    assert read_sidecar(tmp_path / name) == sidecar


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("network", "network"),
        ("network", "network.json"),
        ("network.tflite", "network.tflite.json"),
        *(("network.xml", name) for name in ("network.xml", "network.bin", "network.xml.json")),
    ],
)
@pytest.mark.parametrize("existing", [True, False])
def test_an_interruption_between_the_names_leaves_what_was_there(existing, name, last, monkeypatch, tmp_path):
    path = tmp_path / name
    if existing:
        export_model(build("fsrcnn-plain"), path, verify=False)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    replace = Path.replace

    def interrupted(path, target):
        if path.parent.name == "new" and path.name == last:
            raise KeyboardInterrupt
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export_model(build("fsrcnn-ggas"), path, verify=False)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


def test_an_interruption_while_the_old_file_is_copied_leaves_it_whole(monkeypatch, tmp_path):
    export_model(build("fsrcnn-plain"), tmp_path / "network.tflite", verify=False)
    before = (tmp_path / "network.tflite").read_bytes()

    def interrupted(source, target):
        Path(target).write_bytes(Path(source).read_bytes()[:100])
        raise KeyboardInterrupt

    monkeypatch.setattr("shutil.copy2", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export_model(build("fsrcnn-ggas"), tmp_path / "network.tflite", verify=False)
    assert (tmp_path / "network.tflite").read_bytes() == before
    assert read_sidecar(tmp_path / "network.tflite").bytes == len(before)


def test_a_model_for_one_size_is_exported_for_that(tmp_path):
    inputs = keras.Input((20, 24, 3))
    model = keras.models.clone_model(zoo.fsrcnn(2, num_filters=8, num_blocks=1), input_tensors=inputs)
    for shape in (None, (24, 20)):
        with pytest.raises(ValueError, match=r"`shape` must be \(20, 24\), the size that this model takes. Received"):
            export_model(model, tmp_path / "network.tflite", shape=shape)
    assert export_model(model, tmp_path / "network.tflite", shape=(20, 24)).shape == (20, 24)


def test_a_library_of_another_name_is_left_out(monkeypatch, tmp_path):
    monkeypatch.setitem(MODULE.PACKAGES, "litert", ("keras", "tensorflow-of-another-name"))
    sidecar = export_model(build("fsrcnn-plain"), tmp_path / "network.tflite", verify=False)
    assert sidecar.versions.keys() == {"keras_lisr", "keras"}


@pytest.mark.usefixtures("quick_int8")
def test_unsuitable_pictures_are_named(tmp_path):
    flat = [np.zeros((40, 40, 3), np.uint8)]
    with pytest.raises(ValueError, match="`representative` must be pictures such as the network") as error:
        export_model(build("edsr_baseline-plain"), tmp_path / "network.tflite", quantize="int8", representative=flat)
    assert ".partial_" not in str(error.value)
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_written_to(monkeypatch, tmp_path):
    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryDirectory", refuse)
    with pytest.raises(OSError, match=r"`path` could not be written. .*network.tflite' \(Permission denied\)"):
        export_model(build("fsrcnn-plain"), tmp_path / "network.tflite")


@pytest.mark.usefixtures("quick_int8")
def test_sizes(tmp_path):
    sidecar = export_model(zoo.fsrcnn(), tmp_path / "network.tflite", **given("int8"))
    assert sidecar.bytes < 60_000


@pytest.mark.slow
def test_the_default_preset(benchmarks, tmp_path):
    folder = benchmarks / "Set5"
    sidecar = export_model(from_preset("imdn_x4"), tmp_path / "a.tflite", quantize="float16", evaluate=[folder])
    assert sidecar.bytes < 1_600_000
    assert sidecar.psnr["Set5"]["file"] == pytest.approx(sidecar.psnr["Set5"]["float"], abs=0.005)
    assert sidecar.psnr["Set5"]["float"] == pytest.approx(31.82, abs=0.01)


@pytest.mark.slow
def test_the_default_preset_in_integers(benchmarks, tmp_path):
    photographs = benchmarks.parent / "train"
    if not photographs.is_dir():
        pytest.skip("KERAS_LISR_DATA has no folder `train` for the calibration")
    sidecar = export_model(
        from_preset("imdn_x4"),
        tmp_path / "a.tflite",
        quantize="int8",
        io="uint8",
        representative=photographs,
        evaluate=[benchmarks / "Set5", benchmarks / "Set14"],
    )
    assert sidecar.psnr.keys() == {"Set5", "Set14"}
    for measured in sidecar.psnr.values():
        assert 0 < measured["float"] - measured["file"] <= 0.20


@pytest.mark.parametrize("name", ["n", "n.onnx", "n.xml"])
def test_a_model_of_one_size_becomes_a_litert_file_only(tmp_path, name):
    inputs = keras.Input((16, 20, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(3, 3, padding="same")(inputs))
    with pytest.raises(
        ValueError, match=r"`model` must take pictures of any size for '.*'. Received: one that takes \(16"
    ):
        export_model(model, tmp_path / name)
    with pytest.raises(ValueError, match=r"`shape` must be \(16, 20\), the size that this model takes"):
        export_model(model, tmp_path / "n.tflite")
