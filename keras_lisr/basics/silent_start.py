"""Importing TensorFlow without what it writes."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def silent_start() -> Iterator[TextIO]:
    """Keeps TensorFlow's start, and whatever else is done within, from writing to standard error.

    The environment silences its log from there on. What comes before the log is set up, about CUDA, heeds no setting,
    and is written by C++ to the file descriptor itself.

    Yields:
        The standard error that was, for what is to be seen meanwhile.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # Off by itself where there is no AVX-512.
    sys.stderr.flush()
    standard_error = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        with open(standard_error, "w", closefd=False) as seen:
            yield seen
    finally:
        os.dup2(standard_error, 2)
        os.close(standard_error)
