import io
import os
import sys

import pytest

from keras_lisr.cli.standard_streams import streams_as_files


class Terminal(io.StringIO):
    def isatty(self):
        return True


def make_pipes(monkeypatch):
    """What is sent to standard output, where a picture comes from standard input."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"picture")))
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO()))
    return sys.stdout.buffer


def test_files_are_left_as_they_are():
    with streams_as_files(["a.png", "b"], "out", "auto") as files:
        assert files == (["a.png", "b"], "out", "auto", sys.stdout)


def test_no_picture_is_sent_to_a_terminal(monkeypatch):
    monkeypatch.setattr("sys.stdout", Terminal())
    for inputs, output in ((["a.png"], "-"), (["-"], None)):
        with pytest.raises(ValueError, match="OUT"), streams_as_files(inputs, output, None):
            pass


def test_a_pipe_is_one_picture(tmp_path):
    for inputs, output in ((["a.png", "-"], "out"), (["a.png", "b.png"], "-"), ([str(tmp_path)], "-"), ([], "-")):
        with pytest.raises(ValueError, match="IN"), streams_as_files(inputs, output, None):
            pass


def test_nothing_is_left_behind(monkeypatch):
    sent = make_pipes(monkeypatch)
    with streams_as_files(["-"], "-", "jpg") as files:
        (received,) = files.inputs
        with open(received, "rb") as file:
            assert file.read() == b"picture"
        assert (files.output.endswith(".jpg"), files.ext, files.lines) == (True, None, sys.stderr)
        with open(files.output, "wb") as file:
            file.write(b"result")
    assert sent.getvalue() == b"result"
    assert not os.path.exists(received)


def test_what_is_sent_has_the_format_of_its_file(monkeypatch):
    make_pipes(monkeypatch)
    for name, ending in (("a.webp", ".webp"), ("a.JPG", ".JPG"), ("a.ppm", ".png"), ("a", ".png"), ("-", ".png")):
        with streams_as_files([name], "-", "auto") as files:
            assert files.output.endswith(f"stdout{ending}")
