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
        repositories["ann/imdn"] = {"model.npz": b"weights", "x/a.tflite": b"TFL3", "x/a.tflite.json": b"{}"}
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
    exported = fetch("hf://ann/imdn/x/a.tflite")
    assert exported.with_name("a.tflite.json").read_bytes() == b"{}"


def test_what_was_fetched_is_there_without_a_network(monkeypatch, cache):
    with serve_hub(monkeypatch, cache) as repositories:
        repositories["ann/imdn"] = {"model.npz": b"weights"}
        fetch("hf://ann/imdn")
    assert fetch("hf://ann/imdn").read_bytes() == b"weights"


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
