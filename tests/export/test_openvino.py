import sys
import xml.etree.ElementTree as ElementTree

import pytest
from exported_networks import LOW_RESOLUTION, build, each_exported
from reference import assert_close

from keras_lisr.export.openvino import write_openvino
from keras_lisr.exported.openvino import OpenVINONetwork, import_openvino


def assert_agrees(path, model):
    network = OpenVINONetwork(path)
    for low_resolution in LOW_RESOLUTION:
        assert_close(network(low_resolution), model(low_resolution, training=False), atol=1e-4)


@each_exported
def test_agrees_with_keras(name, tmp_path):
    model = build(name)
    write_openvino(model, tmp_path / "network.xml")
    assert_agrees(tmp_path / "network.xml", model)


def test_names_types_and_sizes(tmp_path):
    model = build("fsrcnn-ggas")
    write_openvino(model, tmp_path / "network.xml")
    file = import_openvino().Core().read_model(tmp_path / "network.xml")
    for tensors, name in ((file.inputs, "low_resolution"), (file.outputs, "super_resolved")):
        (tensor,) = tensors
        assert tensor.names == {name}
        assert tensor.element_type.to_string() == "f32"
        assert str(tensor.partial_shape) == "[?,?,?,3]"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["network.bin", "network.xml"]


def test_weights_are_stored_once_and_in_float32(tmp_path):
    model = build("edsr_baseline-plain")
    write_openvino(model, tmp_path / "network.xml")
    weights = sum(weight.value.numpy().nbytes for weight in model.weights)
    assert weights <= (tmp_path / "network.bin").stat().st_size < 1.1 * weights
    constants = ElementTree.parse(tmp_path / "network.xml").findall(".//layer[@type='Const']/data")
    assert not [constant for constant in constants if constant.get("element_type") in ("f16", "bf16")]


def test_the_missing_library_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ValueError, match=r"keras_lisr\[openvino\]"):
        write_openvino(build("fsrcnn-plain"), tmp_path / "network.xml")
    with pytest.raises(ValueError, match=r"keras_lisr\[openvino\]"):
        OpenVINONetwork(tmp_path / "network.xml")


def test_nobody_is_told_of_the_use():
    import_openvino()
    assert sys.modules["openvino_telemetry"] is None
    assert sys.modules["openvino.tools.ovc.telemetry_utils"].tm.__name__ == "openvino.tools.ovc.telemetry_stub"
