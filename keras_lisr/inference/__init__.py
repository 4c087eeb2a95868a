"""Upscaling with networks in tiles: `Upscaler`, and results beside bicubic's.

Keras starts when `Upscaler` is first named, so that a command can check its arguments and files before.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_lisr.inference.upscaler import Upscaler as Upscaler

__all__ = ["Upscaler"]


def __getattr__(name: str) -> Any:
    if name == "Upscaler":
        from keras_lisr.inference.upscaler import Upscaler

        return Upscaler
    raise AttributeError(f"module 'keras_lisr.inference' has no attribute '{name}'")
