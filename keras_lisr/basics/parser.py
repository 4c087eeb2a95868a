"""Parses the arguments of every command of the project."""

import argparse
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """Parser that raises a ValueError, which each command prints in one line."""

    def error(self, message: str) -> NoReturn:
        """Raises the error that argparse found."""
        raise ValueError(f"{message} (see `{self.prog} --help`)")
