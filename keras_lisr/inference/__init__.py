"""Picture in, picture out: upscaling in tiles, and reading and writing pictures.

Keras starts when `Upscaler` is first named, so that a command can check its arguments and files before.
"""

from typing import TYPE_CHECKING, Any

from keras_lisr.inference.image_io import read_picture as read_picture
from keras_lisr.inference.image_io import write_picture as write_picture

if TYPE_CHECKING:
    from keras_lisr.inference.upscaler import Upscaler as Upscaler

__all__ = ["Upscaler", "read_picture", "write_picture"]


def __getattr__(name: str) -> Any:
    if name == "Upscaler":
        from keras_lisr.inference.upscaler import Upscaler

        return Upscaler
    raise AttributeError(f"module 'keras_lisr.inference' has no attribute '{name}'")
