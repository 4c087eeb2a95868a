import io
import os
import socket
import tarfile
import urllib.request

import pytest
from exported_networks import build

from keras_lisr.basics.export_options import CONTENTS
from keras_lisr.export import export_model, web_page
from keras_lisr.export.web_page import FILES, VERSION
from keras_lisr.exported import read_sidecar


def pack(package):
    """Archive that has the files of a package."""
    content = b'import { createWasmLib } from "@litertjs/wasm-utils";'
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as packed:
        for member in FILES[package].values():
            entry = tarfile.TarInfo(f"package/{member}")
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Folder of packages that were downloaded before."""
    archives = {package: pack(package) for package in FILES}
    monkeypatch.setattr(web_page, "PACKAGES", {name: web_page.hash_of(archives[name]) for name in archives})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "cache" / "keras_lisr"
    folder.mkdir(parents=True)
    for package, archive in archives.items():
        (folder / f"{package}-{VERSION}.tgz").write_bytes(archive)
    return folder


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(socket, "create_connection", refuse)


@pytest.mark.usefixtures("cache", "no_network")
def test_a_page_is_written_and_replaced(tmp_path):
    folder = tmp_path / "site"
    for _ in range(2):
        sidecar = export_model(build("edsr_baseline-both"), folder, format="web")
    assert read_sidecar(folder / "model.tflite") == sidecar and sidecar.format == "litert"
    assert min(found["psnr"] for found in sidecar.verification["pictures"]) > 110
    assert {path.name for path in folder.iterdir()} == {*CONTENTS["web"]}
    assert {path.name for path in (folder / "runtime").iterdir()} == {
        name for names in FILES.values() for name in names
    }
    assert "./wasm-utils.js" in (folder / "runtime" / "litert.js").read_text()
    assert sorted(os.listdir(tmp_path)) == ["cache", "site"]


@pytest.mark.usefixtures("cache", "no_network")
def test_folders_of_others_are_left(tmp_path):
    (tmp_path / "index.html").write_text("mine")
    with pytest.raises(ValueError, match="`path`"):
        export_model(build("edsr_baseline-both"), tmp_path, format="web")
    assert (tmp_path / "index.html").read_text() == "mine"


@pytest.mark.parametrize("options", [{"shape": (24, 24)}, {"quantize": "float16"}, {"io": "uint8"}])
def test_the_file_of_a_page_is_for_any_size_and_floats(options, tmp_path):
    with pytest.raises(ValueError, match=f"`{next(iter(options))}`"):
        export_model(build("edsr_baseline-both"), tmp_path / "site", format="web", **options)


@pytest.mark.usefixtures("no_network")
def test_without_network_nothing_is_left(cache, tmp_path):
    (cache / f"core-{VERSION}.tgz").write_bytes(b"damaged")
    with pytest.raises(OSError, match=r"core-.*\.tgz") as caught:
        export_model(build("edsr_baseline-both"), tmp_path / "site", format="web")
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == ["cache"]


def test_what_is_downloaded_is_kept_if_it_is_the_wanted(cache, monkeypatch):
    path = cache / f"core-{VERSION}.tgz"
    wanted = path.read_bytes()
    for content in (wanted, b"another"):
        path.unlink()
        monkeypatch.setattr(urllib.request, "urlopen", lambda *_, content=content, **__: io.BytesIO(content))
        if content is wanted:
            assert web_page.fetch_package("core") == path and path.read_bytes() == wanted
        else:
            with pytest.raises(OSError, match="SHA-512"):
                web_page.fetch_package("core")
            assert not path.exists()
