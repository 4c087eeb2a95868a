"""Upscaling with networks in tiles: `Upscaler`."""

from keras_lisr.inference.upscaler import Upscaler

__all__ = ["Upscaler"]
