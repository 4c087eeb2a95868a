"""Reads, upscales and writes pictures with the colours, bit depth and metadata of their files."""

from keras_lisr.pictures.picture import Animation, Metadata, Picture
from keras_lisr.pictures.read import read_animation, read_picture
from keras_lisr.pictures.size import Size
from keras_lisr.pictures.upscale import PictureUpscaler
from keras_lisr.pictures.write import write_picture

__all__ = [
    "Animation",
    "Metadata",
    "Picture",
    "PictureUpscaler",
    "Size",
    "read_animation",
    "read_picture",
    "write_picture",
]
