from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFile
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from keras_lisr.basics.whole_files import PARTIAL
from keras_lisr.batch import storage
from keras_lisr.batch.storage import (
    Url,
    fetch,
    files_below,
    filesystem,
    find_existing,
    kind_of,
    parse,
    put,
)


@pytest.fixture
def bucket(memory_storage):
    return memory_storage / "bucket"


def list_files(bucket):
    return sorted(fsspec.filesystem("memory").find(str(bucket)))


def test_what_names_mean():
    assert isinstance(parse("s3://bucket/a%20b/"), Url) and parse("s3://bucket/a%20b/") == "s3://bucket/a%20b/"
    names = {"file:///a b/": "/a b", "local:///a": "/a", "c:/a": "c:/a", Path("a"): "a"}
    assert [parse(name) for name in names] == [Path(path) for path in names.values()]
    assert not isinstance(parse("photos/s3://b"), Url)
    assert Url("memory://") / "a.png" == "memory://a.png"
    assert Url("s3://b/") / "a.png" == "s3://b/a.png" and (Url("s3://b") / "x/a.png").parent == "s3://b/x"


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1).filter(lambda name: name.strip(".")))
@example("100 %41*[b]?x=1#f.png")
@example("0.?")
def test_names_are_taken_literally(bucket, tmp_path, name):
    filesystem(bucket)[0].store.clear()
    (tmp_path / "in").write_bytes(name.encode())
    folder = bucket / "d %2F[a]*?"
    put(tmp_path / "in", folder / name)
    assert files_below(folder, recursive=False) == files_below(folder, recursive=True) == [name]
    fetch(folder / name, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == name.encode()
    assert find_existing([folder / name, folder / "other", folder / "third"]) == {folder / name}


def test_folders_are_listed_with_and_without_those_within(bucket, tmp_path):
    (tmp_path / "in").touch()
    for name in ("b.png", "within/a.png", "a.png"):
        put(tmp_path / "in", bucket / name)
    put(tmp_path / "in", Url(f"{bucket}2") / "other.png")
    system = filesystem(bucket)[0]
    system.store["/bucket/empty/"] = MemoryFile(system, "")  # As consoles of object stores make folders.
    assert files_below(bucket, recursive=False) == ["a.png", "b.png", "empty/", "within/"]
    assert files_below(bucket, recursive=True) == ["a.png", "b.png", "within/a.png"]
    assert [kind_of(bucket / name) for name in ("a.png", "within", "c.png")] == ["file", "directory", ""]


@pytest.mark.parametrize("name", ["../a.png", "x/../../a.png", "/etc/a.png", "x//a.png", "./a.png", "a\0.png"])
def test_names_that_lead_elsewhere_are_refused(bucket, name):
    system = filesystem(bucket)[0]
    system.store[f"/bucket/{name}"] = MemoryFile(system, name)
    with pytest.raises(ValueError, match="memory://bucket"):
        files_below(bucket, recursive=True)


def test_windows_has_other_names(bucket, monkeypatch):
    assert str(parse("file:///C:/photos")) == "/C:/photos"
    monkeypatch.setattr(storage, "ON_WINDOWS", True)
    assert [str(parse(name)) for name in ("file:///C:/photos", "file:///photos", "/photos")] == [
        "C:/photos",
        "/photos",
        "/photos",
    ]
    system = filesystem(bucket)[0]
    system.store["/bucket/C:a.png"] = MemoryFile(system, "")  # Beside no folder, but on another drive.
    with pytest.raises(ValueError, match="names"):
        files_below(bucket, recursive=True)


def test_a_put_file_is_whole_or_absent(bucket, tmp_path, monkeypatch):
    """A file that has its name was complete before; one that fails on its way leaves nothing."""
    system = filesystem(bucket)[0]
    (tmp_path / "in").write_text("new")
    target = bucket / "x" / "a.png"
    put(tmp_path / "in", target)
    seen = []

    def mv(self, path, target_path):
        seen.append((Path(path).name, self.cat(path), self.cat(target_path)))
        raise OSError("out of space")

    monkeypatch.setattr(type(system), "mv", mv)
    (tmp_path / "in").write_text("newer")
    with pytest.raises(OSError, match="memory://bucket/x/a.png"):
        put(tmp_path / "in", target)
    ((name, partial, there),) = seen
    assert Path(name).match(PARTIAL) and (partial, there) == (b"newer", b"new")
    assert system.cat("/bucket/x/a.png") == b"new"
    assert list_files(bucket) == ["/bucket/x/a.png"]


def test_object_stores_get_one_put(bucket, tmp_path, monkeypatch):
    put_names = []
    kind = type(filesystem(bucket)[0])
    monkeypatch.setattr(kind, "put_file", lambda self, local, path: put_names.append(path))
    monkeypatch.setattr(storage, "OBJECT_STORES", ("memory",))
    put(tmp_path, bucket / "a.png")
    assert put_names == ["/bucket/a.png"]


def test_what_cannot_be_reached_is_one_error(bucket, tmp_path):
    with pytest.raises(FileNotFoundError, match="memory://bucket/a.png"):
        fetch(bucket / "a.png", tmp_path / "a.png")
    with pytest.raises(ValueError, match="nosuch://a/b.png"):
        kind_of(Url("nosuch://a/b.png"))
