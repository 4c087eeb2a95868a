import dataclasses
import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference import assign_waves, to_numpy

from keras_lisr import zoo
from keras_lisr.basics.export_options import ExportOptions
from keras_lisr.export import litert
from keras_lisr.export.litert import write_litert
from keras_lisr.export.onnx import write_onnx
from keras_lisr.export.openvino import write_openvino
from keras_lisr.export.saved_model import write_saved_model
from keras_lisr.export.verify import compare, draw_picture, pool, run, verify
from keras_lisr.exported import LiteRTNetwork

PICTURES = [draw_picture(40, 48, phase) for phase in range(3)]
OPTIONS = {
    "none": {},
    "float16": {"quantize": "float16"},
    "dynamic": {"quantize": "dynamic"},
    "int8": {"quantize": "int8", "representative": PICTURES},
    "bytes": {"io": "uint8"},
    "int8-bytes": {"quantize": "int8", "representative": PICTURES, "io": "uint8"},
    "int8-integers": {"quantize": "int8", "representative": PICTURES, "io": "int8"},
}


@pytest.fixture(scope="module")
def model():
    # Weights in plenty, so that a dynamic range has something to round.
    model = zoo.shallow_edsr(2, num_filters=16, num_blocks=1)
    assign_waves(model)
    return model


@pytest.fixture(scope="module")
def file(model, tmp_path_factory):
    """A function from a name in `OPTIONS` to a file of the network, written when it is first asked for."""
    folder = tmp_path_factory.mktemp("files")

    def write(name):
        path = folder / f"{name}.tflite"
        if not path.exists():
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(litert, "SIDE", 24)
                patch.setattr(litert, "equalize", lambda model, patches: model)
                write_litert(model, ExportOptions(path, **OPTIONS[name]))
        return path

    return write


def check(model, path, name):
    return verify(model, path, quantize=OPTIONS[name].get("quantize", "none"))


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("none", 110, 160),
        ("float16", 65, 95),
        ("dynamic", 40, 70),
        ("int8", 40, 70),
        ("bytes", 60, 200),
        ("int8-bytes", 40, 70),
        ("int8-integers", 40, 70),
    ],
)
def test_what_is_measured(name, least, most, model, file):
    found = check(model, file(name), name)
    assert [(picture.height, picture.width) for picture in found.pictures] == [(64, 64), (48, 80), (57, 33)]
    assert least < min(picture.psnr for picture in found.pictures) <= most
    assert found.operators["DEPTH_TO_SPACE"] == 1 and found.rank == 4
    json.dumps(dataclasses.asdict(found), allow_nan=False)


def test_differences_are_those_of_the_values_that_come_out(model, file):
    picture = draw_picture(20, 30, 0)
    expected = to_numpy(model(picture[None].astype(np.float32) / 255, training=False))[0]
    found = compare(model, run(LiteRTNetwork(file("int8"))), picture, clipped=True)
    differences = LiteRTNetwork(file("int8"))(picture[None].astype(np.float32) / 255)[0] - expected.clip(0, 1)
    assert found.largest_difference == pytest.approx(np.abs(differences).max())
    assert found.psnr == pytest.approx(-10 * math.log10(np.mean(differences**2)))
    assert (found.height, found.width) == (20, 30)


def test_a_file_for_one_size_gets_three_pictures_of_it(model, tmp_path):
    write_litert(model, ExportOptions(tmp_path / "static.tflite", shape=(24, 20)))
    pictures = verify(model, tmp_path / "static.tflite").pictures
    assert [(picture.height, picture.width) for picture in pictures] == [(24, 20)] * 3
    assert len({picture.psnr for picture in pictures}) == 3


@pytest.mark.parametrize("format", ["saved_model", "onnx", "openvino"])
def test_other_formats(format, model, tmp_path):
    path = tmp_path / {"saved_model": "network", "onnx": "network.onnx", "openvino": "network.xml"}[format]
    if format == "onnx":
        write_onnx(model, ExportOptions(path))
    else:
        {"saved_model": write_saved_model, "openvino": write_openvino}[format](model, path)
    found = verify(model, path, format=format)
    assert min(picture.psnr for picture in found.pictures) > 110 and len(found.pictures) == 3
    assert (found.operators, found.rank) == ({}, None)
    with pytest.raises(ValueError, match="dB"):
        verify(other(model), path, format=format)


def other(model):
    """The same network with other weights."""
    network = keras.models.clone_model(model)
    assign_waves(network)
    for weight in network.weights:
        weight.assign(weight[::-1])
    return network


def test_both_signatures_of_a_saved_model_are_run(model, tmp_path, monkeypatch):
    clip = tf.clip_by_value
    monkeypatch.setattr(tf, "clip_by_value", lambda values, low, high: clip(values, low, high) * 200 / 255)
    write_saved_model(model, tmp_path / "network")
    with pytest.raises(ValueError, match="dB"):
        verify(model, tmp_path / "network", format="saved_model")


def test_bytes_that_are_cut_off_are_refused(model, tmp_path, monkeypatch):
    monkeypatch.setattr(tf, "floor", lambda values: tf.math.floor(values - 0.5))
    write_litert(model, ExportOptions(tmp_path / "network.tflite", io="uint8"))
    with pytest.raises(ValueError, match="dB"):
        verify(model, tmp_path / "network.tflite")


@pytest.mark.parametrize("name", OPTIONS)
def test_another_network_is_refused(name, model, file):
    with pytest.raises(ValueError, match="dB"):
        check(other(model), file(name), name)


def test_numbers_that_are_none_are_refused(model, tmp_path):
    write_litert(model, ExportOptions(tmp_path / "network.tflite"))
    kernel = to_numpy(model.get_layer("block_1_conv_1").kernel).transpose(3, 0, 1, 2)
    content = (tmp_path / "network.tflite").read_bytes()
    assert content.count(kernel.tobytes()) == 1
    (tmp_path / "network.tflite").write_bytes(content.replace(kernel.tobytes(), np.full_like(kernel, np.nan).tobytes()))
    for quantize in ("none", "float16"):
        with pytest.raises(ValueError, match="dB"):
            verify(model, tmp_path / "network.tflite", quantize=quantize)


@pytest.mark.parametrize("name", ["int8", "int8-bytes", "int8-integers"])
def test_a_file_is_judged_by_pictures_of_its_kind(name, model, file, monkeypatch):
    found = verify(model, file(name), quantize="int8", held_out=PICTURES).held_out
    assert found["psnr"] > 40 and found["images"] == 16
    assert found["loss"] == pytest.approx(found["float"] - found["file"]) and abs(found["loss"]) < 1
    monkeypatch.setitem(verify.__globals__, "HELD_OUT_BOUND", 90)
    with pytest.raises(ValueError, match="`representative`.*--no-verify"):
        verify(model, file(name), quantize="int8", held_out=PICTURES)


def test_decibels_are_pooled_over_pictures():
    assert pool([30, 30]) == pytest.approx(30, abs=0.01)
    assert pool([math.inf, 30]) == pytest.approx(33.01, abs=0.02)
    assert pool([math.inf]) == pytest.approx(58.92, abs=0.01)
    assert math.isnan(pool([math.nan, 30]))


@pytest.mark.usefixtures("quick_int8")
def test_a_file_calibrated_on_nothing_is_refused(model, tmp_path, monkeypatch):
    monkeypatch.setattr(litert, "calibration_patches", lambda *_: [np.zeros((24, 24, 3), np.float32)])
    write_litert(model, ExportOptions(tmp_path / "dark.tflite", quantize="int8", representative=PICTURES))
    with pytest.raises(ValueError, match="dB.*`representative`"):
        verify(model, tmp_path / "dark.tflite", quantize="int8")


def test_another_scale_is_refused(file):
    with pytest.raises(ValueError, match="shape"):
        verify(zoo.shallow_edsr(3, num_filters=4, num_blocks=1), file("none"))


def test_what_is_no_file_is_refused(model, tmp_path):
    (tmp_path / "broken.tflite").write_bytes(b"TFL3")
    with pytest.raises(ValueError, match="`path`.*broken.tflite"):
        verify(model, tmp_path / "broken.tflite")
