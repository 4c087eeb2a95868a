"""Resizes pictures by libvips, row by row."""

import numpy as np

from keras_lisr.pictures.vips import FORMATS, Feed, interpret, png_parts, to_rows
from keras_lisr.tiling.rows import Rows, Stream


def resize_rows(rows: Rows, height: int, width: int) -> Stream:
    """Resizes a picture, uint8 or uint16, without aliasing. The result has the same type and channels.

    If the last channel is alpha, colours are multiplied by it meanwhile, so that transparent ones do not count.
    """
    feed = Feed(png_parts(rows))
    image = interpret(feed.image()).cast("float")  # For integers, libvips rounds the filter, too.
    has_alpha = image.bands in (2, 4)
    white = int(np.iinfo(rows.dtype).max)
    if has_alpha:
        image = image.premultiply(max_alpha=white)
    image = image.resize(width / image.width, vscale=height / image.height)
    if has_alpha:
        image = image.unpremultiply(max_alpha=white)
    return to_rows(image.rint().cast(FORMATS[rows.dtype.itemsize]), feed)
