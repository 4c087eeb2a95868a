import io
import os
import sys

import pytest

from keras_lisr.cli.standard_streams import streams_as_files


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_files_are_left_as_they_are():
    with streams_as_files(["a.png", "b"], "out", "auto") as files:
        assert files == (["a.png", "b"], "out", "auto", sys.stdout)


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
        assert (files.output.endswith(".jpg"), files.ext, files.lines) == (True, None, sys.stderr)
        with open(files.output, "wb") as file:
            file.write(b"result")
    assert sent.buffer.getvalue() == b"result"
    assert not os.path.exists(received)
