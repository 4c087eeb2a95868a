import contextlib
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from command_line import run

from keras_lisr.basics.interruption import Terminated, check_interruption, exit_code_of, raise_on_signals
from keras_lisr.batch import Job, Task

# In a worker of xdist that has run other tests, the first SIGINT ends the worker.
pytestmark = pytest.mark.slow
SIGNALS = {signal.SIGINT: (KeyboardInterrupt, 130), signal.SIGTERM: (Terminated, 143)}


def interrupt_in_c(number):
    """Raises what a decoder makes of a signal."""
    try:
        os.kill(os.getpid(), number)
        signal.pause()
    except KeyboardInterrupt as interrupt:
        raise ValueError("the file is broken") from interrupt


@pytest.fixture
def handlers():
    """Sets Python's own handlers, which other tests may have changed, and checks that a test leaves them in place."""
    found = signal.signal(signal.SIGINT, signal.default_int_handler)
    before = [signal.getsignal(number) for number in SIGNALS]
    yield
    assert [signal.getsignal(number) for number in SIGNALS] == before
    signal.signal(signal.SIGINT, found or signal.default_int_handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_not_taken_for_a_broken_file(handlers, number):
    kind, exit_code = SIGNALS[number]
    with pytest.raises(kind) as raised, raise_on_signals():
        interrupt_in_c(number)
    assert exit_code_of(raised.value) == exit_code
    task = Task(Job("a.png", "b.png"))
    with pytest.raises(kind), raise_on_signals(), task.step():
        interrupt_in_c(number)
    assert not task.status


def test_a_signal_in_a_finalizer_is_not_forgotten(handlers):
    # Python prints it and goes on.
    with pytest.raises(KeyboardInterrupt), raise_on_signals(), contextlib.suppress(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
        signal.pause()


def test_a_signal_from_before_is_kept_in_mind_within(handlers):
    with pytest.raises(KeyboardInterrupt), raise_on_signals():
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            signal.pause()
        with contextlib.suppress(KeyboardInterrupt), raise_on_signals():
            pass
        raise ValueError("the file is broken")


def test_errors_without_a_signal_stay_what_they_are(handlers):
    task = Task(Job("a.png", "b.png"))
    with pytest.raises(ValueError, match="^it is broken$"), raise_on_signals():
        with task.step():
            raise ValueError("the file is broken")
        raise ValueError("it is broken")
    assert task.error == "the file is broken"
    check_interruption()


def test_what_fails_in_other_threads_meanwhile_is_told(handlers):
    task, asked = Task(Job("a.png", "b.png")), threading.Event()

    def fail():
        with task.step():
            asked.wait()
            raise ValueError("the file is broken")

    with pytest.raises(KeyboardInterrupt), raise_on_signals():
        thread = threading.Thread(target=fail)
        thread.start()
        try:
            os.kill(os.getpid(), signal.SIGINT)
            signal.pause()
        finally:
            asked.set()
            thread.join()
    assert task.error == "the file is broken"


def test_other_threads_get_no_signals(handlers):
    with ThreadPoolExecutor(1) as thread, raise_on_signals():
        inside = signal.getsignal(signal.SIGTERM)
        assert thread.submit(run, "models").result() == 0
        assert thread.submit(run, "upscale").result() == 2
        assert signal.getsignal(signal.SIGTERM) is inside


def test_ctrl_c_that_is_ignored_stays_so(handlers):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with raise_on_signals():
            os.kill(os.getpid(), signal.SIGINT)
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        check_interruption()
    finally:
        signal.signal(signal.SIGINT, before)
