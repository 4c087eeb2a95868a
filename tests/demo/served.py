"""The command `keras-lisr demo` at work in a process of its own."""

import contextlib
import re
import signal

from command_line import start


@contextlib.contextmanager
def demo(*arguments):
    """Runs the command and gives the page's address."""
    process = start("demo", "--no-browser", *arguments)
    try:
        yield re.match(r"http://\S+", process.stdout.readline())[0].rstrip("/")
    finally:
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert not printed and errors == "\nkeras-lisr: interrupted\n"
