"""Prepares colours under transparent pixels, and restores the ends of alpha."""

import numpy as np

from keras_lisr.tiling.rows import BAND, Rows, Stream
from keras_lisr.tiling.tiles import bands_in_tiles

RADII = (1, 2, 4, 8, 16)
TILE = 128
SETTLED_RADIUS = 2  # That of bicubic.
HARDLY_SEEN = 8 / 255  # Largest alpha at which the colour changes the picture by 8 of 255 at most.


def bleed(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Gives nearly transparent pixels the colour of the visible ones around them.

    Where alpha is nearly 0, files hold any colour, often black or white, which a network or a filter would carry over
    the edge. It becomes the mean, weighted by alpha, of the smallest square around it with a visible pixel, of at most
    33 pixels a side. Farther away, nothing changes. Sums are of integers, so that tiles are exact.

    Args:
        colours: uint8 or uint16, `(height, width, channels)`, not multiplied by alpha.
        alpha: Of the same type, `(height, width, 1)`.

    Returns:
        Colours of the same shape and type.
    """
    unknown = alpha[..., 0] <= HARDLY_SEEN * np.iinfo(alpha.dtype).max
    if not unknown.any() or unknown.all():
        return colours
    weights = np.where(unknown[..., None], 0, alpha).astype(np.int64)
    weighted = np.concatenate([colours * weights, weights], axis=2)
    colours = colours.copy()
    for radius in RADII:
        sums = sums_around(weighted, radius)[unknown]
        totals, weight = sums[:, :-1], sums[:, -1:]
        found = weight[:, 0] > 0
        rows, columns = (indices[found] for indices in np.nonzero(unknown))
        colours[rows, columns] = (2 * totals[found] + weight[found]) // (2 * weight[found])
        unknown[rows, columns] = False
        if not unknown.any():
            break
    return colours


def bleed_rows(rows: Rows) -> Stream:
    """Applies `bleed` to a picture whose last channel is alpha."""

    def bleed_window(window):
        colours, alpha = window[0, ..., :-1], window[0, ..., -1:]
        return np.concatenate([bleed(colours, alpha), alpha], axis=2)[None]

    bands = bands_in_tiles(bleed_window, rows, scale=1, tile=TILE, halo=RADII[-1])
    return Stream(bands, rows.shape, rows.dtype)


def settle_alpha(enlarged: Rows, alpha: Rows, scale: int) -> Stream:
    """Makes enlarged alpha opaque and transparent where the original is, 2 pixels far in every direction.

    A network reproduces the largest and smallest values only nearly, which would make the whole picture translucent.

    Args:
        enlarged: `(height * scale, width * scale, 1)`.
        alpha: Original, `(height, width, 1)`.
        scale: Integer upscaling factor.

    Returns:
        Alpha of the shape and type of `enlarged`.
    """

    def bands():
        height, opaque = alpha.shape[0], np.iinfo(alpha.dtype).max
        for start in range(0, height, BAND):
            stop = min(start + BAND, height)
            first = max(0, start - SETTLED_RADIUS)
            around = alpha[first : stop + SETTLED_RADIUS]
            band = enlarged[start * scale : stop * scale].copy()
            for value in (0, opaque):
                others = sums_around((around != value).astype(np.int32), SETTLED_RADIUS)
                is_settled = others[start - first : stop - first] == 0
                band[is_settled.repeat(scale, axis=0).repeat(scale, axis=1)] = value
            yield band

    return Stream(bands(), enlarged.shape, enlarged.dtype)


def sums_around(values: np.ndarray, radius: int) -> np.ndarray:
    """Returns the sums over the square of a radius around each pixel of integers `(height, width, channels)`."""
    for axis in (0, 1):
        length = values.shape[axis]
        sums = np.cumsum(np.insert(values, 0, 0, axis=axis), axis=axis)
        positions = np.arange(length)
        stops, starts = np.minimum(positions + radius + 1, length), np.maximum(positions - radius, 0)
        values = sums.take(stops, axis=axis) - sums.take(starts, axis=axis)
    return values
