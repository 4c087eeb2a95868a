"""keras_lisr: lightweight image super-resolution in Keras 3, with GGAS and CWSS.

The subpackages `layers`, `zoo`, `data`, `evaluation`, `inference`, `training`, `analysis`, `export`, `runtime`,
`benchmark` and `interop` are loaded when they are first named, so that importing this package alone starts no
framework.
"""

import importlib
from types import ModuleType

__version__ = "0.1.0"

_SUBPACKAGES = (
    "analysis", "benchmark", "data", "evaluation", "export", "inference", "interop", "layers", "runtime", "training",
    "zoo",
)  # fmt: skip

__all__ = ["__version__", *_SUBPACKAGES]  # noqa: PLE0604


def __getattr__(name: str) -> ModuleType:
    if name in _SUBPACKAGES:
        return importlib.import_module(f"keras_lisr.{name}")
    raise AttributeError(f"module 'keras_lisr' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *_SUBPACKAGES])
