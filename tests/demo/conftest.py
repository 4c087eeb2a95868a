import contextlib
import signal

import numpy as np
import pytest
from command_line import start
from PIL import Image
from preset_files import add_preset

from keras_lisr import zoo
from keras_lisr.basics import preset_index
from keras_lisr.basics.preset_index import DEFAULT_PRESET
from keras_lisr.zoo.storage import save_preset

ARGUMENTS = {"num_filters": 8, "num_shrunk_filters": 4, "num_blocks": 1}


@pytest.fixture(scope="session")
def own(tmp_path_factory):
    """A tiny network as a preset file, x2."""
    path = tmp_path_factory.mktemp("own") / "own.npz"
    save_preset(zoo.fsrcnn(2, **ARGUMENTS), path)
    return path


@pytest.fixture(scope="session")
def index(own, tmp_path_factory):
    """Folder of presets: the default one, x4, and one of x2."""
    folder = tmp_path_factory.mktemp("presets")
    save_preset(zoo.fsrcnn(4, **ARGUMENTS), own.parent / "x4.npz")
    add_preset(folder, DEFAULT_PRESET, own.parent / "x4.npz")
    add_preset(folder, "tiny_x2", own)
    return folder


@pytest.fixture
def presets(index, monkeypatch):
    """Lets the tiny presets take the place of the real ones."""
    monkeypatch.setattr(preset_index, "FOLDER", index)


@pytest.fixture
def picture(tmp_path):
    """File of a small picture."""
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "in.png")
    return tmp_path / "in.png"


@contextlib.contextmanager
def serving(folder, *arguments):
    """Runs the command in a process of its own and gives the page's address; ends it as Ctrl-C does.

    Args:
        folder: Where it has its temporary files, of which none may stay.
        arguments: Those of the command.
    """
    pytest.importorskip("gradio", reason="Gradio is not installed")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("TMPDIR", str(folder))
        process = start("demo", "--no-browser", *arguments)
    try:
        address, said = process.stdout.readline().split(" ", 1)
        assert said == "shows the page; Ctrl-C ends it.\n"
        assert len(list(folder.glob("keras_lisr_*"))) == 1
        yield address.rstrip("/")
    finally:
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)
    assert not rest and errors.endswith("\nkeras-lisr: interrupted\n"), errors
    assert process.returncode == 130
    assert not list(folder.iterdir())


@pytest.fixture(scope="module")
def server(own, tmp_path_factory):
    """Address of the page, with a tiny network at first, for pictures of 10,000 pixels."""
    with serving(tmp_path_factory.mktemp("served"), "-n", own, "--max-pixels", 10_000) as address:
        yield address


@pytest.fixture(scope="module")
def real_server(tmp_path_factory):
    """Address of the page as people see it."""
    with serving(tmp_path_factory.mktemp("served")) as address:
        yield address
