"""Ctrl-C and SIGTERM end a command in the same way: nothing is left half-written."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Terminated(KeyboardInterrupt):
    """The process was asked to end, by SIGTERM."""


# What signals raised in this process: C code that they interrupt may report an error of its own.
_raised: list[KeyboardInterrupt] = []


@contextmanager
def raise_on_signals() -> Iterator[None]:
    """Lets SIGTERM raise, as Ctrl-C does, and either end what is within, whatever else was raised because of it.

    Only the main thread gets signals: in another one, nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number, frame):
        _raised.append(Terminated() if number == signal.SIGTERM else KeyboardInterrupt())
        raise _raised[-1]

    numbers = [signal.SIGTERM]
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # In the background, shells have it ignored.
        numbers.append(signal.SIGINT)
    before = {number: signal.signal(number, handle) for number in numbers}
    pending = len(_raised)
    try:
        yield
        check_interruption()  # What interrupts a finalizer is printed and forgotten otherwise.
    except Exception:
        check_interruption()
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        del _raised[pending:]


def check_interruption() -> None:
    """Checks, where an error is about to be taken for what it says, that it does not come from a signal.

    Raises:
        KeyboardInterrupt: If a signal came; in the thread that gets signals only.
    """
    if _raised and threading.current_thread() is threading.main_thread():
        raise _raised[-1]


def exit_code_of(interrupt: KeyboardInterrupt) -> int:
    """What a shell reports for a command that the signal ended: 128 and its number."""
    return 128 + (signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT)
