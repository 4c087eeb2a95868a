import io

import pytest

from keras_lisr.inference import ProgressBar
from keras_lisr.inference import progress as module


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    times = iter(range(0, 1000, 10))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(times))


def test_draws_a_line_with_the_time_left(clock):
    stream = Terminal()
    bar = ProgressBar(stream)
    for done in range(4):
        bar(done, 3)
    lines = stream.getvalue().split("\r")[1:]
    assert [line.rstrip() for line in lines] == [
        "[------------------------------] 0/3, 0:10,",
        "[##########--------------------] 1/3, 0:20, 0:40 left",
        "[####################----------] 2/3, 0:30, 0:15 left",
        "[##############################] 3/3, 0:40, 0:00 left",
    ]
    assert len({len(line.rstrip("\n")) for line in lines}) == 1
    assert [line.endswith("\n") for line in lines] == [False, False, False, True]


def test_is_silent_where_there_is_no_terminal():
    stream = io.StringIO()
    bar = ProgressBar(stream)
    bar(0, 1)
    bar(1, 1)
    assert not stream.getvalue()
