import hashlib
import json
import os
from dataclasses import replace

import pytest

from keras_lisr.exported import Sidecar, read_sidecar
from keras_lisr.exported.sidecar import checksum, sidecar_path, size, write_sidecar


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "größe.tflite"
    path.write_bytes(b"network")
    return path


@pytest.fixture
def sidecar(file):
    return Sidecar(
        format="litert",
        file=file.name,
        sha256=checksum(file),
        bytes=size(file),
        network="imdn",
        scale=4,
        quantize="int8",
        shape=(180, 320),
        input={"name": "low_resolution", "dtype": "uint8", "range": [0, 255], "scale": 1 / 255, "zero_point": 0},
        output={"name": "super_resolved", "dtype": "uint8", "range": [0, 255], "scale": 1 / 255, "zero_point": 0},
        halo=27,
        smallest_side=1,
        protocol="float luma of 8-bit RGB, 4 pixels shaved",
        psnr={"Set5": {"float": 31.66, "file": 31.52, "images": 5}},
        verification={"operators": ["CONV_2D"]},
        versions={"ai-edge-litert": "2.3.0"},
    )


@pytest.mark.parametrize("changes", [{}, {"shape": None, "halo": None, "psnr": {}, "protocol": ""}])
def test_comes_back(file, sidecar, changes):
    sidecar = replace(sidecar, **changes)
    assert write_sidecar(sidecar, file) == file.with_name("größe.tflite.json")
    assert read_sidecar(str(file)) == sidecar
    assert sorted(os.listdir(file.parent)) == ["größe.tflite", "größe.tflite.json"]


def test_numbers_that_json_does_not_know_are_refused(file, sidecar):
    with pytest.raises(ValueError, match="JSON"):
        write_sidecar(replace(sidecar, verification={"psnr": float("inf")}), file)
    assert not sidecar_path(file).exists()


def test_a_missing_file_or_sidecar_is_told(file):
    for path in (file, file.with_name("none.tflite")):
        with pytest.raises(ValueError, match=f"`path`.*{path.name}"):
            read_sidecar(path)


@pytest.mark.parametrize("wrong", ["", "[]", '{"shape": null, "format": "litert"}', '{"shape": null, "colour": "BGR"}'])
def test_another_json_is_refused(file, wrong):
    sidecar_path(file).write_text(wrong)
    with pytest.raises(ValueError, match="`path`.*größe.tflite.json"):
        read_sidecar(file)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("halo", ["16", 2.5, -1, True]),
        ("scale", [0, "4"]),
        ("multiple", [0]),
        ("smallest_side", [None]),
        ("blended", [[]]),
        ("bytes_per_pixel", [0]),
        ("shape", [[180], [0, 5], [2.5, 3], 7]),
        ("input", ["RGB", {}, {"dtype": "uint8"}, {"dtype": "int8", "scale": 0.0, "zero_point": 0}]),
        ("output", [None, {"dtype": "float64"}]),
    ],
)
def test_what_no_file_can_be_is_refused(file, sidecar, field, values):
    content = json.loads(write_sidecar(sidecar, file).read_text())
    for value in values:
        sidecar_path(file).write_text(json.dumps(content | {field: value}))
        with pytest.raises(ValueError, match=f"`path`.*{file.name}") as refused:
            read_sidecar(file)
        assert "\n" not in str(refused.value)


def test_fields_of_other_versions(file, sidecar):
    """A sidecar of before schemas, and ones of later versions: with a field more, and with fields of other meanings."""
    content = json.loads(write_sidecar(sidecar, file).read_text())
    assert content.pop("schema") == 1
    for changes in ({}, {"schema": 1, "later": {"loss": 0.1}}):
        sidecar_path(file).write_text(json.dumps(content | changes))
        assert read_sidecar(file) == sidecar
    sidecar_path(file).write_text(json.dumps(content | {"schema": 2}))
    with pytest.raises(ValueError, match="`path`.*schema 2"):
        read_sidecar(file)


def test_another_file_is_refused(file, sidecar):
    write_sidecar(sidecar, file)
    file.write_bytes(b"networK")
    with pytest.raises(ValueError, match=f"`path`.*{sidecar.sha256}"):
        read_sidecar(file)


def test_a_folder_is_the_list_of_its_files(tmp_path):
    folder = tmp_path / "saved_model"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "data").write_bytes(b"weights")
    graph, weights = (hashlib.sha256(content).hexdigest() for content in (b"graph", b"weights"))
    listed = f"{graph}  saved_model.pb\n{weights}  variables/data\n"
    assert checksum(folder) == hashlib.sha256(listed.encode()).hexdigest()
    assert size(folder) == len(b"graphweights")
    assert sidecar_path(f"{folder}/") == tmp_path / "saved_model.json"
    before = checksum(folder)
    (folder / "variables" / "data").rename(folder / "variables" / "other")
    assert checksum(folder) != before


def test_a_link_has_the_sidecar_of_what_it_points_to(file, sidecar, tmp_path):
    write_sidecar(sidecar, file)
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "link.tflite").symlink_to(file)
    assert read_sidecar(tmp_path / "links" / "link.tflite") == sidecar


def test_the_weights_of_openvino_belong_to_its_file(sidecar, tmp_path):
    graph, weights = tmp_path / "network.xml", tmp_path / "network.bin"
    graph.write_bytes(b"graph")
    weights.write_bytes(b"weights")
    assert checksum(graph) == hashlib.sha256(b"graphweights").hexdigest()
    assert size(graph) == len(b"graphweights")
    sidecar = replace(sidecar, format="openvino", file=graph.name, sha256=checksum(graph))
    write_sidecar(sidecar, graph)
    assert read_sidecar(graph) == sidecar
    weights.write_bytes(b"weighty")
    with pytest.raises(ValueError, match="`path`"):
        read_sidecar(graph)
    weights.unlink()
    with pytest.raises(ValueError, match="`path`.*network.bin"):
        read_sidecar(graph)


def test_a_sidecar_lies_beside_a_link_or_what_that_points_to(litert_file, tmp_path):
    file = litert_file("any")
    (tmp_path / "alone.tflite").symlink_to(file)
    for beside, target in ((tmp_path / "a.tflite", file), (tmp_path / "a.tflite.json", sidecar_path(file))):
        (tmp_path / f"blob{beside.suffix}").write_bytes(target.read_bytes())
        beside.symlink_to(tmp_path / f"blob{beside.suffix}")
    assert read_sidecar(tmp_path / "alone.tflite") == read_sidecar(tmp_path / "a.tflite") == read_sidecar(file)
