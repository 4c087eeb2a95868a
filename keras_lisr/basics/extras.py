"""Imports optional libraries, which `pip install 'keras_lisr[EXTRA]'` installs."""

import importlib
from typing import Any


def import_extra(module: str, extra: str) -> Any:
    """Imports a module by its full name, or raises a ValueError that names the extra to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ValueError(
            f"{module.partition('.')[0]} must be installed for this: pip install 'keras_lisr[{extra}]'. "
            f"Received: {type(error).__name__} ({error})"
        ) from error
