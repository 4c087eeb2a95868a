"""Prints the log of the package as lines of a command."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def show_log(command: str, level: int = logging.WARNING) -> Iterator[None]:
    """Prints log messages of a level and above to standard error, after the name of the command.

    In a nested block, only the level changes.
    """
    logger = logging.getLogger("keras_lisr")
    before = logger.level
    logger.setLevel(level)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(f"{command}: %(message)s"))
    if not logger.handlers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
