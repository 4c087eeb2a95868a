import json
from collections import Counter
from pathlib import Path

from keras_lisr.batch import Job, Task
from keras_lisr.batch.jobs import Jobs
from keras_lisr.cli.upscale_report import Report, printable
from keras_lisr.pictures.read import Header


def report(count, log=None, is_single=False, unused=()):
    return Report("tiny", Jobs([Job(Path("a.png"), Path("b.png"))] * count, Counter(unused)), is_single, log)


def make_task(name, status="written", **known):
    return Task(Job(Path(name), Path(f"out_{name}")), status, target_size=(20, 30), **known)


def test_names_take_one_line():
    assert printable(Path("Käse 1.png")) == "Käse 1.png"
    assert printable(Path("a\nb.png")) == "'a\\nb.png'"
    assert "\n" not in printable(Path("a\x1b[2K\u2028b.png")) and "\x1b" not in printable(Path("a\x1b[2Kb.png"))


def test_a_note_is_told_once(capsys):
    with report(2) as told:
        for name in ("a.png", "b.png"):
            told.add(make_task(name, notes=("it is approximate",), description="resized to 30 x 20 pixels"))
        assert told.end() == 0
    printed, errors = capsys.readouterr()
    assert errors == "keras-lisr: note: it is approximate\n"
    first, second, summary = printed.splitlines()
    assert first == "out_a.png: 30 x 20 pixels by tiny in 0.0 s (resized to 30 x 20 pixels)"
    assert summary.startswith("2 pictures in ")


def test_what_was_not_tried_is_told_and_logged(capsys):
    with report(1, Path("-"), is_single=True, unused={".HEIC": 2, ".a\nb": 1}) as told:
        told.add(make_task("a.png", "", header=Header(10, 15, 3, 8, 1, "PNG")))
        assert told.end() == 0
    printed, errors = capsys.readouterr()
    record, summary = map(json.loads, printed.splitlines())
    assert record["status"] == "planned" and summary["planned"] == 1
    assert summary["not_tried"] == {".HEIC": 2, ".a\nb": 1}
    assert "3 files not tried: .HEIC 2" in errors and errors.count("\n") == 2


def test_the_log_goes_on_where_it_was(tmp_path):
    log = tmp_path / "log"
    for name in ("a.png", "b.png"):
        with report(1, log) as told:
            told.add(make_task(name))
            assert log.read_text().endswith("\n")
            told.end()
    assert len(log.read_text().splitlines()) == 4


def test_the_log_may_be_standard_output(capsys):
    with report(1, Path("-"), is_single=True) as told:
        told.add(make_task("a.png"))
        told.end()
    printed, lines = capsys.readouterr()
    record, summary = map(json.loads, printed.splitlines())
    assert (record["source"], record["target"], summary["pictures"]) == ("a.png", "out_a.png", 1)
    assert lines.startswith("out_a.png: 30 x 20 pixels by tiny")
