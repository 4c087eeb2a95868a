"""Reads, upscales and writes pictures with the colours, bit depth and metadata of their files."""

from keras_lisr.pictures.picture import Metadata, Picture
from keras_lisr.pictures.read import read_picture
from keras_lisr.pictures.size import Size
from keras_lisr.pictures.upscale import PictureUpscaler
from keras_lisr.pictures.write import write_picture

__all__ = ["Metadata", "Picture", "PictureUpscaler", "Size", "read_picture", "write_picture"]
