import hashlib
import json
import os
from dataclasses import replace

import pytest

from keras_lisr.litert import Sidecar, read_sidecar
from keras_lisr.litert.sidecar import checksum, sidecar_path, size, write_sidecar


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


def test_is_json_with_the_names_of_the_fields(file, sidecar):
    content = json.loads(write_sidecar(sidecar, file).read_text(encoding="utf-8"))
    assert content == json.loads(json.dumps(vars(sidecar)))


def test_numbers_that_json_does_not_know_are_refused(file, sidecar):
    with pytest.raises(ValueError, match="JSON"):
        write_sidecar(replace(sidecar, verification={"psnr": float("inf")}), file)
    assert not sidecar_path(file).exists()


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(ValueError, match=r"`path` must be an existing file. Received: path='.*none.tflite'"):
        read_sidecar(tmp_path / "none.tflite")


def test_a_missing_sidecar_is_told(file):
    with pytest.raises(ValueError, match=r"must have a sidecar beside it, .*\(there is no größe.tflite.json\)"):
        read_sidecar(file)


@pytest.mark.parametrize("wrong", ["", "{", "[]", "{}", '"text"', '{"shape": null, "format": "litert"}'])
def test_another_json_is_refused(file, wrong):
    sidecar_path(file).write_text(wrong)
    with pytest.raises(ValueError, match=r"that `keras-lisr export` of this version wrote. Received: path='.*json: "):
        read_sidecar(file)


def test_other_fields_are_refused(file, sidecar):
    content = json.loads(write_sidecar(sidecar, file).read_text(encoding="utf-8"))
    sidecar_path(file).write_text(json.dumps(content | {"colour": "BGR"}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"größe.tflite.json: .*unexpected keyword argument 'colour'"):
        read_sidecar(file)


def test_another_file_is_refused(file, sidecar):
    write_sidecar(sidecar, file)
    file.write_bytes(b"networK")
    other = hashlib.sha256(b"networK").hexdigest()
    with pytest.raises(ValueError, match=rf"größe.tflite.json was written for, .*{sidecar.sha256}. .* with {other}"):
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


BYTES = {"dtype": "uint8", "scale": 1 / 255, "zero_point": 0}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("scale", value) for value in ("2", None, 0, -1, 2.0, True)),
        *(("halo", value) for value in ("x", 1.5, -3, False)),
        *(("smallest_side", value) for value in (None, 0, "1")),
        *(("shape", value) for value in ([1], [1, "2"], "ab", {}, 0, [0, 4], [1, 2, 3])),
        *(("input", value) for value in ({}, 5, None, {"dtype": "float64"}, {"dtype": []}, {"dtype": "int8"})),
        *(("output", BYTES | value) for value in ({"scale": 0}, {"scale": float("nan")}, {"zero_point": 1.5})),
        ("format", ["litert"]),
    ],
)
def test_fields_of_another_kind_are_refused(file, sidecar, field, value):
    content = json.loads(write_sidecar(sidecar, file).read_text(encoding="utf-8"))
    sidecar_path(file).write_text(json.dumps(content | {field: value}), encoding="utf-8")
    with pytest.raises(ValueError, match=rf"of this version wrote. Received: .*json: (its {field} is |'int' object)"):
        read_sidecar(file)


def test_endless_nesting_is_refused(file):
    sidecar_path(file).write_text("[" * 200_000)
    with pytest.raises(ValueError, match="of this version wrote. Received: "):
        read_sidecar(file)


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
    with pytest.raises(ValueError, match=r"`path` must be the file that network.xml.json was written for"):
        read_sidecar(graph)
    weights.unlink()
    with pytest.raises(ValueError, match=r"`path` must be the file that network.xml.json was written for"):
        read_sidecar(graph)
