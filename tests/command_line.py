"""The command in this process, and in one of its own."""

import os
import subprocess
import sys

from process_memory import PEAK

from keras_lisr.cli import main


def run(*arguments):
    return main([str(argument) for argument in arguments])


# Shells start what runs in the background deaf to Ctrl-C, and these tests may.
COMMAND = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("keras_lisr", run_name="__main__", alter_sys=True)
"""


MEASURE = (
    PEAK
    + """
import atexit, runpy, sys
from pathlib import Path

file = Path(sys.argv.pop(1))
atexit.register(lambda: file.write_text(str(peak())))
runpy.run_module("keras_lisr", run_name="__main__", alter_sys=True)
"""
)


def run_and_measure(*arguments, peak):
    """The finished command, and its largest resident size in MiB, which it leaves in the file `peak`; on Linux."""
    command = [sys.executable, "-c", MEASURE, peak, *arguments]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    return done, float(peak.read_text())


def start(*arguments):
    environment = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_in_own_process(*arguments, **options):
    """The finished command, with bytes in and out."""
    return subprocess.run([sys.executable, "-c", COMMAND, *map(str, arguments)], capture_output=True, **options)
