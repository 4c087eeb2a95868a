import os
import sys

import onnx
import pytest
from architectures import STRATEGIES, each_architecture
from exported_networks import EXPORTED, LOW_RESOLUTION, build
from reference import assert_close, assign_waves

from keras_lisr.export.onnx import onnx_network, write_onnx

# tf2onnx takes ten seconds to rewrite the two Einsum of ESA.
NAMES = [pytest.param(name, marks=[pytest.mark.slow] * name.endswith(("-esa", "-plain"))) for name in EXPORTED]


def assert_agrees(path, model):
    network = onnx_network(path)
    for low_resolution in LOW_RESOLUTION:
        assert_close(network(low_resolution), model(low_resolution, training=False), atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_keras(name, tmp_path):
    model = build(name)
    write_onnx(model, tmp_path / "network.onnx")
    assert_agrees(tmp_path / "network.onnx", model)


@pytest.mark.slow
@each_architecture
def test_full_width_agrees_with_keras(architecture, tmp_path):
    model = architecture.build(**STRATEGIES[architecture.strategies[-1]])
    assign_waves(model)
    write_onnx(model, tmp_path / "network.onnx")
    assert_agrees(tmp_path / "network.onnx", model)


def test_names_types_and_sizes(tmp_path):
    write_onnx(build("fsrcnn-ggas"), tmp_path / "network.onnx")
    file = onnx.load(tmp_path / "network.onnx")
    onnx.checker.check_model(file, full_check=True)
    for tensors, name in ((file.graph.input, "low_resolution"), (file.graph.output, "super_resolved")):
        (tensor,) = tensors
        assert tensor.name == name
        assert tensor.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
        batch, height, width, channels = tensor.type.tensor_type.shape.dim
        assert batch.dim_param and height.dim_param and width.dim_param and channels.dim_value == 3
    assert {node.op_type for node in file.graph.node} >= {"Conv", "DepthToSpace"}
    assert {node.domain for node in file.graph.node} == {""}
    assert not list(tmp_path.glob(".*"))


def test_nobody_is_told_of_the_use(monkeypatch, tmp_path):
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    write_onnx(build("fsrcnn-plain"), tmp_path / "network.onnx")
    onnx_network(tmp_path / "network.onnx")
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"


def test_missing_libraries_are_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(ValueError, match=r"pip install 'keras_lisr\[onnx\]'. Received: ModuleNotFoundError"):
        write_onnx(build("fsrcnn-plain"), tmp_path / "network.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ValueError, match=r"pip install 'keras_lisr\[onnx\]'. Received: ModuleNotFoundError"):
        onnx_network(tmp_path / "network.onnx")
