"""Imports TensorFlow without its messages."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def silent_start() -> Iterator[TextIO]:
    """Hides everything that is written to standard error in the block, such as TensorFlow's messages at its start.

    Environment variables silence its log afterwards. Earlier messages, about CUDA, ignore them: C++ writes to the file
    descriptor.

    Yields:
        The real standard error, for messages that must be seen meanwhile.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # TensorFlow's default is off without AVX-512.
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
