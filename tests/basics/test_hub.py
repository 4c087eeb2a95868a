import sys

import pytest
from hub_server import commit_of, serve_hub

from keras_lisr.basics.hub import fetch
from keras_lisr.basics.preset_index import choose_model

pytest.importorskip("huggingface_hub")


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def repositories(monkeypatch, cache):
    with serve_hub(monkeypatch, cache) as repositories:
        parts = ["a.tflite", "a.tflite.json", "b.onnx", "b.onnx.json", "c.xml", "c.xml.json", "c.bin"]
        repositories["ann/imdn"] = {"model.npz": b"weights"} | {f"x/{name}": name.encode() for name in parts}
        yield repositories


def test_a_file_is_fetched_by_its_name_and_revision(repositories, cache):
    commit = commit_of(repositories["ann/imdn"])
    for address in (
        "hf://ann/imdn",
        "hf://ann/imdn/model.npz",
        f"hf://ann/imdn@{commit}",
        "hf://ann/imdn@main/model.npz",
    ):
        path = fetch(address)
        assert path.read_bytes() == b"weights" and commit in str(path) and cache in path.parents


@pytest.mark.parametrize("names", ["a.tflite a.tflite.json", "b.onnx b.onnx.json", "c.xml c.xml.json c.bin"])
def test_what_belongs_to_a_file_comes_with_it(repositories, names):
    first, *others = names.split()
    exported = fetch(f"hf://ann/imdn/x/{first}")
    assert [exported.with_name(name).read_text() for name in others] == others


def test_what_was_fetched_is_there_without_a_network(monkeypatch, cache):
    with serve_hub(monkeypatch, cache) as repositories:
        repositories["ann/imdn"] = {"model.npz": b"weights"}
        fetch("hf://ann/imdn")
    assert fetch("hf://ann/imdn").read_bytes() == b"weights"


def test_without_a_network_nothing_is_tried_again(monkeypatch, cache, capfd):
    with serve_hub(monkeypatch, cache):
        pass
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail(f"waits {seconds} s"))
    with pytest.raises(ValueError, match="`model`"):
        fetch("hf://ann/imdn")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "address",
    ["hf://", "hf://ann", "hf://ann/", "hf://ann/imdn/none.npz", "hf://ann/none", "hf://ann/imdn@none", "hf://a b/c"],
)
def test_what_is_not_there_is_refused_in_one_line(repositories, address):
    with pytest.raises(ValueError, match="`model`") as caught:
        choose_model(address)
    assert "\n" not in str(caught.value)


def test_what_is_no_model_is_refused(repositories):
    with pytest.raises(ValueError, match="`model`"):
        choose_model("hf://ann/imdn")


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ValueError, match=r"keras_lisr\[hub\]"):
        fetch("hf://ann/imdn")
