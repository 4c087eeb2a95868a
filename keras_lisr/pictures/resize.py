"""Pictures at another size, by libvips' filters, of which rows are enough."""

import numpy as np

from keras_lisr.pictures.vips import FORMATS, from_rows, interpret, to_rows
from keras_lisr.tiling.rows import Rows, Stream


def resize_rows(rows: Rows, height: int, width: int) -> Stream:
    """A picture at another size, without aliasing.

    If the last channel is alpha, colours are multiplied by it meanwhile: those that cannot be seen do not count.

    Args:
        rows: uint8 or uint16, grey, RGB, or either with alpha.
        height: Pixels of the result.
        width: Pixels of the result.

    Returns:
        The result, of the same type, `(height, width, channels)`.
    """
    feed = from_rows(rows)
    image = interpret(feed.image()).cast("float")  # Of integers, libvips rounds the filter too.
    has_alpha = image.bands in (2, 4)
    white = int(np.iinfo(rows.dtype).max)
    if has_alpha:
        image = image.premultiply(max_alpha=white)
    image = image.resize(width / image.width, vscale=height / image.height)
    if has_alpha:
        image = image.unpremultiply(max_alpha=white)
    return to_rows(image.rint().cast(FORMATS[rows.dtype.itemsize]), feed)
