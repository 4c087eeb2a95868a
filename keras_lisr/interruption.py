"""Ctrl-C and SIGTERM end a command in the same way: nothing is left half-written."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class Terminated(KeyboardInterrupt):
    """The process was asked to end, by SIGTERM."""


@contextmanager
def raising_on_sigterm() -> Iterator[None]:
    """Lets SIGTERM raise, as Ctrl-C does."""

    def handle(signal_number, frame):
        raise Terminated

    before = signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def exit_code_of(interrupt: KeyboardInterrupt) -> int:
    """What a shell reports for a command that the signal ended: 128 and its number."""
    return 128 + (signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT)
