"""The parser of every command of the project."""

import argparse
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """A parser that raises what is wrong as a ValueError: each command tells its errors in one line of its own."""

    def error(self, message: str) -> NoReturn:
        """Called by argparse with what is wrong."""
        raise ValueError(f"{message} (see `{self.prog} --help`)")
