"""Libraries that only some commands need, and that `pip install 'keras_lisr[EXTRA]'` brings."""

import importlib
from typing import Any


def import_extra(module: str, extra: str) -> Any:
    """Imports a module of such a library.

    Args:
        module: Its full name.
        extra: What brings the library.

    Raises:
        ValueError: If it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ValueError(
            f"{module.partition('.')[0]} must be installed for this: pip install 'keras_lisr[{extra}]'. "
            f"Received: {type(error).__name__} ({error})"
        ) from error
