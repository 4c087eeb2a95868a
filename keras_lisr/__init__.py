"""keras_lisr: lightweight image super-resolution in Keras 3, with GGAS and CWSS.

The subpackages `layers`, `zoo`, `data`, `evaluation`, `inference` and `training` are loaded when they are first named,
so that importing this package alone starts no framework.
"""

import importlib
from types import ModuleType

__version__ = "0.1.0"

_SUBPACKAGES = ("benchmark", "data", "evaluation", "inference", "layers", "training", "zoo")

__all__ = ["__version__", *_SUBPACKAGES]  # noqa: PLE0604


def __getattr__(name: str) -> ModuleType:
    if name in _SUBPACKAGES:
        return importlib.import_module(f"keras_lisr.{name}")
    raise AttributeError(f"module 'keras_lisr' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *_SUBPACKAGES])
