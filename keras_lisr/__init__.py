"""keras_lisr: lightweight image super-resolution in Keras 3, with GGAS and CWSS.

Its packages, such as `keras_lisr.zoo`, are loaded when they are first named, so that importing this one alone starts no
framework.
"""

import importlib
from types import ModuleType

__version__ = "1.0.0"

_SUBPACKAGES = (
    "analysis", "batch", "data", "evaluation", "export", "exported", "inference", "interop", "layers",
    "pictures", "training", "zoo",
)  # fmt: skip

__all__ = ["__version__", *_SUBPACKAGES]  # noqa: PLE0604


def __getattr__(name: str) -> ModuleType:
    if name in _SUBPACKAGES:
        return importlib.import_module(f"keras_lisr.{name}")
    raise AttributeError(f"module 'keras_lisr' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *_SUBPACKAGES])
