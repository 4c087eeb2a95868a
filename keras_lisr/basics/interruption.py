"""Ends a command on Ctrl-C and SIGTERM alike, without half-written files."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Terminated(KeyboardInterrupt):
    """Raised on SIGTERM."""


# Exceptions of signals. C code that they interrupt may report another error.
_raised: list[KeyboardInterrupt] = []


@contextmanager
def raise_on_signals() -> Iterator[None]:
    """Makes SIGTERM raise, as Ctrl-C does, and lets either end the block, whatever error it causes in there.

    Only the main thread receives signals; in another thread, this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number, frame):
        _raised.append(Terminated() if number == signal.SIGTERM else KeyboardInterrupt())
        raise _raised[-1]

    numbers = [signal.SIGTERM]
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # Shells ignore it in the background.
        numbers.append(signal.SIGINT)
    before = {number: signal.signal(number, handle) for number in numbers}
    pending = len(_raised)
    try:
        yield
        check_interruption()  # Python prints and ignores an exception in a finalizer.
    except Exception:
        check_interruption()
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        del _raised[pending:]


def check_interruption() -> None:
    """Raises the KeyboardInterrupt of a signal that came; called where an error might be its consequence."""
    if _raised and threading.current_thread() is threading.main_thread():
        raise _raised[-1]


def exit_code_of(interrupt: KeyboardInterrupt) -> int:
    """Returns the exit code that shells expect: 128 plus the number of the signal."""
    return 128 + (signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT)
