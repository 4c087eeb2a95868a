import os
import sys

import onnx
import pytest
from exported_networks import LOW_RESOLUTION, build, each_exported
from reference import assert_close

from keras_lisr.basics.export_options import ExportOptions
from keras_lisr.export.onnx import write_onnx
from keras_lisr.exported.onnx import ONNXNetwork


def assert_agrees(path, model):
    network = ONNXNetwork(path)
    for low_resolution in LOW_RESOLUTION:
        assert_close(network(low_resolution), model(low_resolution, training=False), atol=1e-4)


@each_exported
def test_agrees_with_keras(name, tmp_path):
    model = build(name)
    write_onnx(model, ExportOptions(tmp_path / "network.onnx"))
    assert_agrees(tmp_path / "network.onnx", model)


def test_names_types_and_sizes(tmp_path):
    write_onnx(build("fsrcnn-ggas"), ExportOptions(tmp_path / "network.onnx"))
    file = onnx.load(tmp_path / "network.onnx")
    onnx.checker.check_model(file, full_check=True)
    for tensors, name in ((file.graph.input, "low_resolution"), (file.graph.output, "super_resolved")):
        (tensor,) = tensors
        assert tensor.name == name
        assert tensor.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
        out = "" if name == "low_resolution" else "_out"
        assert dimensions(tensor) == ["batch", f"height{out}", f"width{out}", 3]
    assert {node.op_type for node in file.graph.node} >= {"Conv", "DepthToSpace"}
    assert {node.domain for node in file.graph.node} == {""}
    assert not list(tmp_path.glob(".*"))


def dimensions(tensor):
    return [dimension.dim_param or dimension.dim_value for dimension in tensor.type.tensor_type.shape.dim]


def test_a_file_for_one_size_in_another_opset(tmp_path):
    model = build("idn-plain")
    write_onnx(model, ExportOptions(tmp_path / "network.onnx", shape=(15, 17), opset=17))
    file = onnx.load(tmp_path / "network.onnx")
    assert {entry.domain: entry.version for entry in file.opset_import}[""] == 17
    scale = model(LOW_RESOLUTION[0]).shape[1] // 15
    assert dimensions(file.graph.input[0]) == [1, 15, 17, 3]
    assert dimensions(file.graph.output[0]) == [1, 15 * scale, 17 * scale, 3]
    network = ONNXNetwork(tmp_path / "network.onnx")
    assert network.shape == (15, 17)
    assert_close(network(LOW_RESOLUTION[0]), model(LOW_RESOLUTION[0], training=False), atol=1e-4)


@pytest.mark.parametrize(("name", "most"), [("imdn-both", 2), ("shallow_edsr-esa", 2), ("idn-plain", 3)])
def test_features_are_not_transposed(name, most, tmp_path):
    write_onnx(build(name), ExportOptions(tmp_path / "network.onnx"))
    file = onnx.load(tmp_path / "network.onnx")
    assert sum(node.op_type == "Transpose" for node in file.graph.node) == most


def test_an_opset_that_is_not_known_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`opset`"):
        write_onnx(build("fsrcnn-plain"), ExportOptions(tmp_path / "network.onnx", opset=99))


def test_nobody_is_told_of_the_use(monkeypatch, tmp_path):
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    write_onnx(build("fsrcnn-plain"), ExportOptions(tmp_path / "network.onnx"))
    ONNXNetwork(tmp_path / "network.onnx")
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"


def test_missing_libraries_are_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(ValueError, match=r"keras_lisr\[onnx\]"):
        write_onnx(build("fsrcnn-plain"), ExportOptions(tmp_path / "network.onnx"))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ValueError, match=r"keras_lisr\[onnx\]"):
        ONNXNetwork(tmp_path / "network.onnx")
