import json
import socket

import fsspec
import numpy as np
import pytest
from command_line import run
from picture_files import pixels

from keras_lisr.batch import Url
from keras_lisr.batch.storage import fetch, put


@pytest.fixture
def bucket(album):
    """The pictures of the album in a storage."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    for file in album.rglob("*.png"):
        put(file, Url("memory://in") / file.relative_to(album).as_posix())
    yield "memory://in"
    system.store.clear()


def list_files(folder):
    system = fsspec.filesystem("memory")
    return sorted(path.removeprefix(f"/{folder}/") for path in system.find(f"/{folder}"))


def test_a_folder_in_storage_is_upscaled_as_a_local_one(album, bucket, tmp_path, capsys):
    assert run("upscale", album, "-r", "-o", tmp_path / "out", "-n", "tiny_x2", "--ext", "tif") == 0
    capsys.readouterr()
    log = tmp_path / "log.jsonl"
    command = ["upscale", bucket, "-r", "-n", "tiny_x2", "--ext", "tif", "--json", log]
    assert run(*command, "-o", "memory://out/large") == 0
    names = ["Reise/über\nall.tif", "a.tif", "b.tif", "in.tif", "zz.tif"]
    assert list_files("out/large") == names
    for name in names:
        fetch(Url(f"memory://out/large/{name}"), tmp_path / "fetched")
        assert (tmp_path / "fetched").read_bytes() == (tmp_path / "out" / name).read_bytes()
    printed, errors = capsys.readouterr()
    assert "memory://out/large/in.tif: 60 x 40 pixels by tiny_x2 in " in printed
    assert printed.endswith(": 5 written\n") and not errors
    *records, summary = map(json.loads, log.read_text().splitlines())
    assert [record["source"] for record in records][1] == "memory://in/a.png"
    assert (summary["written"], summary["model"]) == (5, "tiny_x2")

    assert run(*command, "-o", tmp_path / "here") == 0
    assert (tmp_path / "here" / "zz.tif").read_bytes() == (tmp_path / "out" / "zz.tif").read_bytes()


def test_results_lie_beside_their_sources_by_default(bucket, models, tmp_path):
    before = list_files("in")
    for _ in range(2):  # Those of the first run are no pictures of the second.
        assert run("upscale", bucket, "-r", "-n", models / "tiny.keras", "--skip-existing") == 0
        assert list_files("in") == sorted([*before, *(f"{name[:-4]}_x2.png" for name in before)])


def test_a_file_url_is_a_path(picture, capsys):
    assert run("upscale", f"file://{picture}", "-o", f"file://{picture.parent}/large.png", "-n", "tiny_x2") == 0
    np.testing.assert_array_equal(pixels(picture.with_name("large.png")).shape, (40, 60, 3))
    assert capsys.readouterr().out.startswith(f"{picture.parent}/large.png: ")


def test_errors_are_one_line_and_exit_code_2(bucket, album, models, capsys):
    picture = album / "in.png"
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = f"127.0.0.1:{server.getsockname()[1]}"
    out = picture.parent / "out.png"
    for arguments, message in (
        (["memory://in/missing.png"], "IN must be an existing file"),
        (["nosuch://a/b.png"], "nosuch://a/b.png"),
        ([picture, "-o", "memory://out/a.doc"], "`path`"),
        (["memory://in/in.png", "-o", "memory://in/in.png"], "OUT must be another file"),
        ([bucket, "-o", "memory://out", "--dry-run"], "`dry_run`"),
        (["memory://in/in.png", "--compare", out], "`compare`"),
        ([picture, "-o", out, "--ray", "here"], "`ray`"),
        ([picture, "-o", out, "--ray", free], "`ray`"),
    ):
        assert run("upscale", *arguments, "-n", models / "tiny.npz") == 2, arguments
        printed, errors = capsys.readouterr()
        assert not printed and message in errors and errors.count("\n") == 1
    assert not out.exists()
