"""Pictures as people have them: read, upscaled and written with the colours, bits and metadata that they have."""

from keras_lisr.pictures.picture import Animation, Metadata, Picture
from keras_lisr.pictures.read import read_animation, read_picture
from keras_lisr.pictures.size import Size
from keras_lisr.pictures.upscale import PictureUpscaler
from keras_lisr.pictures.write import write_animation, write_picture

__all__ = [
    "Animation",
    "Metadata",
    "Picture",
    "PictureUpscaler",
    "Size",
    "read_animation",
    "read_picture",
    "write_animation",
    "write_picture",
]
