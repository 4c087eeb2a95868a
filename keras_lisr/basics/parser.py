"""The parser of every command of the project."""

import argparse
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """A parser that raises what is wrong as a ValueError: each command tells its errors in one line of its own."""

    def error(self, message: str) -> NoReturn:
        """Called by argparse with what is wrong."""
        raise ValueError(f"{message} (see `{self.prog} --help`)")


class IntermixedParser(Parser):
    """A parser whose options may stand between its positional arguments: `MODEL --reference MODEL IMAGE`."""

    _is_intermixing = False

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[override]
        """Called by argparse, by way of `parse_known_intermixed_args` too."""
        if self._is_intermixing:
            return super().parse_known_args(args, namespace)
        self._is_intermixing = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._is_intermixing = False
