"""Upscales pictures of any kind and size: colour or grey, with alpha or without, 8 or 16 bits, in bounded memory."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from keras_lisr.pictures.alpha import bleed_rows, settle_alpha
from keras_lisr.pictures.drift import keep_colours
from keras_lisr.pictures.formats import format_of
from keras_lisr.pictures.picture import Picture, is_opaque
from keras_lisr.pictures.read import DEFAULT_MAX_PIXELS, read_strips
from keras_lisr.pictures.resize import resize_rows
from keras_lisr.pictures.size import NETWORK_SCALE, Size
from keras_lisr.pictures.write import write_rows
from keras_lisr.tiling.rows import Progress, Rows, Stream, bands_of, join_bands, map_rows, tee_rows
from keras_lisr.tiling.upscaler import TiledUpscaler

LEAST_SIDE = 8  # With the default preset, flat pictures of 1, 2, 4 and 8 pixels are off by up to 46, 7, 1 and 0.3.
MOST_PIXELS = 2**25  # Larger pictures and results go from file to file in strips.


class PictureUpscaler:
    """Upscales pictures of any kind with a network for RGB.

    Grey goes through the network as RGB and comes back as the mean of the three. Colours under transparent pixels are
    replaced by those around them first, so that edges get no halo. An opaque alpha channel costs nothing; another one
    goes through the network as a grey picture, and stays opaque and transparent where it was. A picture of fewer than 8
    pixels a side, or too few for the network, is padded by its border pixels: the zeros that networks see beyond the
    border would turn a single white pixel grey.

    Small areas keep their mean colours, whatever the network does to them: see `keep_colours`.

    The picture passes from step to step in bands of rows. The result is the same whether it is in memory or comes from
    a file.

    Args:
        network: `keras_lisr.inference.Upscaler` or `keras_lisr.exported.ExportedUpscaler`.
        size: Size of the result. The network is applied as often as needed, and the last result is made smaller.
    """

    def __init__(self, network: TiledUpscaler, *, size: Size = NETWORK_SCALE):
        self.network = network
        self.size = size

    def __call__(self, picture: Picture, progress: Progress | None = None) -> Picture:
        """Upscales a picture in memory.

        Args:
            picture: Any picture.
            progress: Called with the number of finished tiles and that of all tiles.

        Returns:
            The result, with the same channels, bit depth and metadata.

        Raises:
            ValueError: If the result would be too large, or the network cannot take the picture.
        """
        pixels = picture.pixels
        if picture.has_alpha and is_opaque(pixels):
            colours = self(replace(picture, pixels=pixels[..., :-1]), progress)
            return replace(picture, pixels=add_opaque_alpha(colours.pixels))
        rows = self._upscale(pixels, progress)
        return replace(picture, pixels=join_bands(bands_of(rows), rows.shape, rows.dtype))

    def upscale_file(
        self,
        source: str | Path,
        target: str | Path,
        *,
        quality: int | None = None,
        strip_metadata: bool = False,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        progress: Progress | None = None,
    ) -> tuple[int, int]:
        """Upscales a picture that need not fit into memory, and neither its result.

        Args:
            source: File to read.
            target: File to write.
            quality: As for `write_picture`.
            strip_metadata: As for `write_picture`.
            max_pixels: As for `read_picture`.
            progress: As for `__call__`.

        Returns:
            Height and width of the result.

        Raises:
            ValueError: As `__call__`, or if the source cannot be read.
            OSError: If the target cannot be written.
        """
        rows, metadata = read_strips(source, max_pixels)
        hides_nothing = rows.shape[2] in (2, 4) and all(is_opaque(band) for band in bands_of(rows))
        rows, _ = read_strips(source, max_pixels)
        result = self._upscale(colours_of(rows) if hides_nothing else rows, progress)
        if hides_nothing and format_of(target).alpha:
            result = map_rows(add_opaque_alpha, result, rows.shape[2])
        write_rows(result, metadata, target, quality=quality, strip_metadata=strip_metadata)
        return result.shape[0], result.shape[1]

    def is_large(self, height: int, width: int, frames: int = 1) -> bool:
        """Checks whether so many frames of that size, or their results, are too large to be in memory beside others."""
        result_height, result_width = self.size.of(height, width, self.network.scale)
        return frames * max(height * width, result_height * result_width) > MOST_PIXELS

    def _upscale(self, rows: Rows, progress: Progress | None) -> Rows:
        """Upscales rows to those of the result, which are computed on demand."""
        height, width, channels = rows.shape
        scale = self.network.scale
        size = self.size.of(height, width, scale)
        passes = [(height * scale**i, width * scale**i) for i in range(self.size.passes(height, width, scale))]
        has_alpha = channels in (2, 4)
        tiles = sum(self.network.count_tiles(*self._fill_up(*sides), rows.dtype) for sides in passes)
        total, finished = tiles * (2 if has_alpha else 1), 0

        def report(done: int, _: int) -> None:  # Called by several runs of the network, which take turns.
            nonlocal finished
            finished += done > 0
            if progress:
                progress(finished, total)

        if has_alpha and passes:
            rows = bleed_rows(rows)
        # Each pass is compared with the source, or small drifts would add up.
        rows, *originals = tee_rows(rows, 1 + len(passes))
        for original in originals:
            rows = self._enlarge(rows, original, report)
        if rows.shape[:2] != size:
            rows = resize_rows(rows, *size)
        return rows

    def _enlarge(self, rows: Rows, original: Rows, progress: Progress) -> Rows:
        """Applies the network once, to alpha, too, and restores the colours of the original."""
        if rows.shape[2] in (1, 3):
            return self._run_network(rows, original, progress)
        colours, *alphas = tee_rows(rows, 3)
        alpha, around = map(alpha_of, alphas)
        original_colours, original_alpha = tee_rows(original, 2)
        enlarged = self._run_network(colours_of(colours), colours_of(original_colours), progress)
        enlarged_alpha = self._run_network(alpha, alpha_of(original_alpha), progress)
        return join(enlarged, settle_alpha(enlarged_alpha, around, self.network.scale))

    def _run_network(self, rows: Rows, original: Rows, progress: Progress) -> Rows:
        """Applies the network to grey or RGB."""
        height, width, channels = rows.shape
        scale = self.network.scale
        if channels == 1:
            rows = map_rows(lambda band: band.repeat(3, axis=2), rows, 3)
        filled_height, filled_width = self._fill_up(height, width)
        if (filled_height, filled_width) != (height, width):
            missing = [(0, filled_height - height), (0, filled_width - width), (0, 0)]
            rows = np.pad(rows[0:height], missing, mode="edge")
        bands = (band[:, : width * scale] for band in self.network.bands(rows, progress))
        enlarged = Stream(bands, (height * scale, width * scale, 3), rows.dtype)
        enlarged = map_rows(average, enlarged, 1) if channels == 1 else enlarged
        return keep_colours(enlarged, original, height * scale // original.shape[0])

    def _fill_up(self, height: int, width: int) -> tuple[int, int]:
        """Returns the padded size of a picture."""
        least = max(LEAST_SIDE, self.network.smallest_side)
        return max(height, least), max(width, least)


def colours_of(rows: Rows) -> Stream:
    """Returns a picture without its alpha channel."""
    return map_rows(lambda band: band[..., :-1], rows, rows.shape[2] - 1)


def alpha_of(rows: Rows) -> Stream:
    """Returns the alpha channel of a picture."""
    return map_rows(lambda band: band[..., -1:], rows, 1)


def join(colours: Rows, alpha: Rows) -> Stream:
    """Joins a picture and its alpha channel."""
    height, width, channels = colours.shape
    bands = (np.concatenate(pair, axis=2) for pair in zip(bands_of(colours), bands_of(alpha), strict=True))
    return Stream(bands, (height, width, channels + 1), colours.dtype)


def average(band: np.ndarray) -> np.ndarray:
    """Returns the mean of three channels, rounded to the nearest."""
    return ((band.sum(axis=2, keepdims=True, dtype=np.uint32) + 1) // 3).astype(band.dtype)


def add_opaque_alpha(band: np.ndarray) -> np.ndarray:
    """Adds an opaque alpha channel."""
    return np.pad(band, [(0, 0), (0, 0), (0, 1)], constant_values=np.iinfo(band.dtype).max)
