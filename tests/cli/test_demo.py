"""What the command says before the page is there; tests/demo runs it to the end."""

import sys

import pytest
from command_line import run

from keras_lisr.cli import make_parser


def test_only_this_machine_is_listened_to_by_default():
    arguments = make_parser().parse_args(["demo"])
    assert arguments.host == "127.0.0.1" and arguments.port is None and not arguments.no_browser


def test_without_gradio_one_line_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert run("demo") == 2
    printed, errors = capsys.readouterr()
    assert not printed and errors.count("\n") == 1
    assert "Gradio must be installed to show the page: pip install 'keras_lisr[demo]'. Received: " in errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "0"], "`port` must be from 1 to 65535. Received: port=0"),
        (["--host", "192.0.2.1"], "must be an address of this machine that is free. Received: host='192.0.2.1'"),
        (["-n", "large"], "`name` must be a preset ("),
        (["-n", "missing.keras"], "`model` must be an existing file. Received: model='missing.keras'"),
    ],
)
def test_errors_are_one_line_before_anything_is_loaded(arguments, message, monkeypatch, capsys):
    monkeypatch.setattr("keras_lisr.demo.server.check_gradio", lambda: None)
    monkeypatch.setattr("keras_lisr.demo.models.Models", None)
    assert run("demo", *arguments) == 2
    printed, errors = capsys.readouterr()
    assert not printed and errors.count("\n") == 1 and message in errors
