"""Import of official PyTorch checkpoints.

Keras starts only when `load` is used, so that a command can check its arguments before.
"""

from typing import TYPE_CHECKING, Any

from keras_lisr.interop.official import ARCHITECTURES as ARCHITECTURES

if TYPE_CHECKING:
    from keras_lisr.interop.checkpoint import load as load

__all__ = ["ARCHITECTURES", "load"]


def __getattr__(name: str) -> Any:
    if name == "load":
        from keras_lisr.interop.checkpoint import load

        return load
    raise AttributeError(f"module 'keras_lisr.interop' has no attribute '{name}'")
