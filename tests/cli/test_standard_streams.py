import io
import os
import sys

import pytest
from PIL import Image

from keras_lisr.cli.standard_streams import streams_as_files


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_files_are_left_as_they_are():
    with streams_as_files(["a.png", "b"], "out", "auto") as files:
        assert files[:4] == (["a.png", "b"], "out", "auto", sys.stdout)


def test_no_picture_is_sent_to_a_terminal(monkeypatch):
    monkeypatch.setattr("sys.stdout", Terminal())
    for inputs, output in ((["a.png"], "-"), (["-"], None)):
        with pytest.raises(ValueError, match="OUT must be a file where standard output is a terminal"):
            streams_as_files(inputs, output, None).__enter__()


def test_a_pipe_is_one_picture():
    with pytest.raises(ValueError, match=r"IN must be - alone, for standard input, or files\. Received: a\.png, -"):
        streams_as_files(["a.png", "-"], "out", None).__enter__()


def test_nothing_is_left_behind(monkeypatch):
    sent = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"picture")))
    monkeypatch.setattr("sys.stdout", sent)
    with streams_as_files(["-"], "-", "jpg") as files:
        (received,) = files.inputs
        with open(received, "rb") as file:
            assert file.read() == b"picture"
        assert (files.output.endswith(".jpg"), files.ext) == (True, None)
        with open(files.output, "wb") as file:
            file.write(b"result")
    assert sent.buffer.getvalue() == b"result"
    assert not os.path.exists(received)


@pytest.mark.parametrize(
    ("kind", "ext", "ending"),
    [("JPEG", "auto", ".jpg"), ("MPO", "auto", ".jpg"), ("PPM", "auto", ".png"), ("JPEG", None, ".png")],
)
def test_a_pipe_has_the_format_of_its_content(monkeypatch, kind, ext, ending):
    content = io.BytesIO()
    Image.new("RGB", (4, 3)).save(content, kind)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content.getvalue())))
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO()))
    with streams_as_files(["-"], "-", ext) as files:
        assert files.output.endswith(f"stdout{ending}")
        with open(files.inputs[0], "rb") as file:
            assert file.read() == content.getvalue()


def test_what_is_sent_has_the_format_of_its_file(monkeypatch):
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO()))
    for name, ending in (("a.webp", ".webp"), ("a.JPG", ".JPG"), ("a.ppm", ".png"), ("a", ".png")):
        with streams_as_files([name], "-", "auto") as files:
            assert files.output.endswith(f"stdout{ending}")


def test_messages_say_what_was_given(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"picture")))
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO()))
    with pytest.raises(OSError, match=r"^no room for -, made of -$"), streams_as_files(["-"], "-", None) as files:
        print(f"{files.output}: 4 x 2 pixels", file=files.lines)
        raise OSError(f"no room for {files.output}, made of {files.inputs[0]}")
    assert capsys.readouterr().err == "-: 4 x 2 pixels\n"


def test_endless_input_is_not_taken_in(monkeypatch):
    class Endless(io.RawIOBase):
        taken = 0

        def read(self, count):
            self.taken += count
            return b"0" * count

    endless = Endless()
    monkeypatch.setattr("sys.stdin", type("Input", (), {"buffer": endless}))
    with pytest.raises(ValueError, match=r"IN must be a readable picture. Received: '-' \(it is longer than \d+ bytes"):
        streams_as_files(["-"], "out.png", None, 1000).__enter__()
    assert endless.taken < 2**27
