"""Pictures in tiles, put together."""

from keras_lisr.tiling.rows import join_bands
from keras_lisr.tiling.tiles import bands_in_tiles


def upscale_in_tiles(upscale, image, *, scale, **options):
    """What `bands_in_tiles` makes, `(height * scale, width * scale, channels)`."""
    bands = bands_in_tiles(upscale, image, scale=scale, **options)
    height, width, channels = image.shape
    return join_bands(bands, (height * scale, width * scale, channels), image.dtype)
