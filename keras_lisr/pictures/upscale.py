"""Picture in, picture out: colour or grey, with alpha or without, 8 or 16 bits, at any size and in bounded memory."""

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from keras_lisr.pictures.alpha import bled, settled
from keras_lisr.pictures.drift import without_drift
from keras_lisr.pictures.formats import format_of, is_opaque
from keras_lisr.pictures.opening import DEFAULT_MAX_PIXELS
from keras_lisr.pictures.picture import Picture
from keras_lisr.pictures.resize import bicubic, resized
from keras_lisr.pictures.size import NETWORK_SCALE, Size
from keras_lisr.pictures.working_memory import MARGIN, working_memory
from keras_lisr.runtime.memory import give_back, resident_size
from keras_lisr.runtime.rows import PictureNetwork, Progress, Rows, Stream, bands_of, copies, mapped, whole

Alpha = Literal["network", "bicubic"]
LEAST_SIDE = 8  # The default preset makes flat pictures of 1, 2, 4 and 8 pixels differ by up to 46, 7, 1 and 0.3.
MEBIBYTE = 2**20


class LittleMemoryError(ValueError):
    """There is too little memory now for a picture.

    Args:
        memory: What the upscaler may take, in bytes.
        needed: What it must be allowed, likewise.
        picture: What it is to upscale, in words.
    """

    def __init__(self, memory: int, needed: int, picture: str):
        super().__init__(
            f"`memory` must be at least {math.ceil(needed / MEBIBYTE)} MiB here for {picture}. "
            f"Received: memory={memory} ({memory // MEBIBYTE} MiB)"
        )


class Need(NamedTuple):
    """What a picture needs in memory.

    Args:
        fits: Whether there is room for it and its result as a whole.
        whole: Bytes that the upscaler's `memory` must be for that.
        strips: Bytes that it must be in strips, without what the file's decoder holds.
    """

    fits: bool
    whole: int
    strips: int


class PictureUpscaler:
    """Upscales pictures as people have them with a network that knows RGB.

    Grey goes through the network as RGB and comes back as the mean of the three. Colours that alpha hides are replaced
    before by those around them, so that no edge gets a halo. An alpha channel that is opaque throughout costs nothing;
    another one goes through the network as a grey picture does, and stays opaque and transparent where it was. A
    picture of fewer than 8 pixels a side, or too few for the network, is continued by its border's pixels: the zeros
    that networks see beyond the border would make a single white pixel grey.

    Colours stay what they are on the average of small areas, whatever the network does to them: see `without_drift`.

    The picture goes through in bands of rows, from one step to the next; whether it is in memory as a whole or comes
    from a file makes no difference to the result.

    Args:
        network: `keras_lisr.inference.Upscaler` or `keras_lisr.runtime.LiteRTUpscaler`.
        size: Size of the result: the network is applied as often as it takes, and what comes out is made smaller.
        alpha: What enlarges transparency: "network" or "bicubic", which is quicker.
        memory: Bytes that this process may hold in all, whatever the picture; tiles are as small as that demands. By
            default, the network's own `memory` says how large tiles are, and pictures come on top.

    Raises:
        ValueError: If `alpha` is neither of those named, or `memory` is not a positive integer.
    """

    def __init__(
        self,
        network: PictureNetwork,
        *,
        size: Size = NETWORK_SCALE,
        alpha: Alpha = "network",
        memory: int | None = None,
    ):
        if alpha not in get_args(Alpha):
            raise ValueError(f"`alpha` must be 'network' or 'bicubic'. Received: alpha={alpha!r}")
        if memory is not None and (type(memory) is not int or memory < 1):
            raise ValueError(f"`memory` must be a positive number of bytes or None. Received: memory={memory!r}")
        self.network = network
        self.size = size
        self.alpha = alpha
        self.memory = memory
        self._prepared: set[np.dtype] = set()

    def __call__(self, picture: Picture, progress: Progress | None = None) -> Picture:
        """Upscales a picture that is in memory.

        Args:
            picture: Any.
            progress: Called with the number of finished tiles and that of all.

        Returns:
            The result, with as many channels and bits and the same metadata.

        Raises:
            ValueError: If the result would be absurdly large, the network cannot take the picture, or `memory` is too
                little for it.
        """
        pixels = picture.pixels
        hides_nothing = picture.has_alpha and is_opaque(pixels)
        rows = self._upscale(pixels, hides_nothing, self._bytes_of_result(pixels), progress)
        return Picture(whole(bands_of(rows), rows.shape, rows.dtype), picture.metadata)

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
        """Upscales a picture of which neither it nor the result need fit into memory.

        Args:
            source: File to read.
            target: File to write, whole or not at all.
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
        from keras_lisr.pictures.strips import StripReader, StripWriter

        with StripReader(source, max_pixels) as reader:
            metadata, held = reader.metadata, reader.decoder_memory
            hides_nothing = (
                reader.shape[2] in (2, 4)
                # What does not fit even if it is opaque is refused below, before anything is decoded.
                and self._spare(reader.shape, reader.dtype, True, held) >= 0
                and all(is_opaque(band) for band in bands_of(reader))
            )
        with StripReader(source, max_pixels) as reader:
            source_rows = Stream(bands_of(reader), reader.shape, reader.dtype)
            if hides_nothing and not format_of(target).alpha:
                source_rows = colours_of(source_rows)
                hides_nothing = False
            rows = self._upscale(source_rows, hides_nothing, held, progress)
            height, width, channels = rows.shape
            with StripWriter(target, height, width, channels, rows.dtype, metadata, quality, strip_metadata) as writer:
                for band in bands_of(rows):
                    writer.write(band)
        return height, width

    def need_of(
        self,
        height: int,
        width: int,
        channels: int = 3,
        depth: int = 8,
        *,
        frames: int = 1,
        decoder: int = 0,
        encoder: int = 0,
    ) -> Need:
        """Whether a picture can be read, upscaled and written as a whole: otherwise, it takes `upscale_file`.

        What it takes is the picture, the result, and copies of either in whatever reads and writes files. They get half
        of what the process does not hold yet, and the tiles the rest, which has to be enough for the smallest.

        Args:
            height: Of the picture, in pixels.
            width: Likewise.
            channels: 1 to 4.
            depth: Bits of each channel.
            frames: How many there are of that size.
            decoder: Bytes to keep free for each byte of pixels besides, for what reads the file: see `DECODER_BYTES`.
            encoder: Bytes that writing the result takes for each of its pixels: see `ENCODER_BYTES`. It may have all
                that is free, because no tiles are left then.
        """
        if self.memory is None:
            return Need(fits=True, whole=0, strips=0)
        dtype = np.dtype(f"u{depth // 8}")
        self._prepare(dtype)
        pixel = channels * depth // 8
        copied = pixel + max(4, pixel)  # Pillow keeps RGB as four bytes.
        result_height, result_width = self.size.of(height, width, self.network.scale)
        copies = frames * copied * (height * width + result_height * result_width) + decoder * height * width * pixel
        written = (frames * pixel + encoder) * result_height * result_width
        work, runs, least = self._least_of_runs((height, width, channels), dtype, hides_nothing=False)
        held = resident_size()
        work += runs * least
        whole = held + max(2 * copies, copies + work, written)
        return Need(whole <= self.memory, whole, held + work)

    def count_pixels(self, height: int, width: int, channels: int = 3, depth: int = 8, *, held: int = 0) -> int:
        """Pixels that the network computes for a picture: in all passes, around tiles, and for its transparency.

        Args:
            height: Of the picture, in pixels.
            width: Likewise.
            channels: 1 to 4.
            depth: Bits of each channel.
            held: Bytes of memory that will be held besides.
        """
        shape, dtype = (height, width, channels), np.dtype(f"u{depth // 8}")
        memory = self._memory_of_a_run(shape, dtype, False, self._spare(shape, dtype, False, held))
        counts = (
            self.network.count_pixels(*self._filled_up(*side), dtype, memory=memory)
            for side in self._passes(height, width)
        )
        return self._runs(channels, False) * sum(counts)

    def _upscale(self, rows: Rows, hides_nothing: bool, held: int, progress: Progress | None) -> Rows:
        """The whole way of a picture, as rows of the result that are made when they are asked for.

        Args:
            rows: The picture.
            hides_nothing: Whether there is an alpha channel, which is opaque everywhere.
            held: Bytes of memory that will be held besides.
            progress: As for `__call__`.
        """
        height, width, channels = rows.shape
        size = self.size.of(height, width, self.network.scale)
        passes = self._passes(height, width)
        has_alpha = channels in (2, 4)
        spare = self._spare(rows.shape, rows.dtype, hides_nothing, held)
        if self.memory is not None and spare < 0:
            raise LittleMemoryError(self.memory, self.memory - spare, f"a picture of {width} x {height} pixels")
        memory = self._memory_of_a_run(rows.shape, rows.dtype, hides_nothing, spare)
        runs = self._runs(channels, hides_nothing)
        totals = [self._tiles(side, rows.dtype, memory) for side in passes for _ in range(runs)]
        tell = shared_progress(progress, totals)

        if has_alpha and hides_nothing:
            rows = colours_of(rows)
        elif has_alpha and passes:
            rows = bled(rows)
        # Whatever it is made of, the result keeps the colours of the picture: small drifts would add up.
        rows, *originals = copies(rows, 1 + len(passes))
        for original in originals:
            rows = self._enlarge(rows, original, memory, tell)
        if rows.shape[:2] != size:
            rows = resized(rows, *size)
        if has_alpha and hides_nothing:
            rows = mapped(with_opaque_alpha, rows, channels)
        return rows if self.memory is None else tidied(rows)

    def _enlarge(self, rows: Rows, original: Rows, memory: int | None, tell: Callable[[], Progress]) -> Rows:
        """A picture enlarged once, with alpha if it has it, in the colours of the original."""
        if rows.shape[2] in (1, 3):
            return self._through_network(rows, original, memory, tell())
        scale = self.network.scale
        factor = rows.shape[0] * scale // original.shape[0]
        colours, *alphas = copies(rows, 3)
        alpha, around = map(alpha_of, alphas)
        original_colours, original_alpha, original_seen = copies(original, 3)
        enlarged = self._through_network(colours_of(colours), colours_of(original_colours), memory, tell())
        enlarged_alpha: Rows
        if self.alpha == "bicubic":
            enlarged_alpha = without_drift(bicubic(alpha, scale), alpha_of(original_alpha), factor)
        else:
            enlarged_alpha = self._through_network(alpha, alpha_of(original_alpha), memory, tell())
        return without_drift(joined(enlarged, settled(enlarged_alpha, around, scale)), original_seen, factor)

    def _through_network(self, rows: Rows, original: Rows, memory: int | None, progress: Progress) -> Rows:
        """What the network makes of grey or RGB."""
        height, width, channels = rows.shape
        scale = self.network.scale
        if channels == 1:
            rows = mapped(lambda band: band.repeat(3, axis=2), rows, 3)
        filled_height, filled_width = self._filled_up(height, width)
        if (filled_height, filled_width) != (height, width):
            missing = [(0, filled_height - height), (0, filled_width - width), (0, 0)]
            rows = np.pad(rows[0:height], missing, mode="edge")
        bands = (band[:, : width * scale] for band in self.network.bands(rows, progress, memory=memory))
        enlarged = Stream(bands, (height * scale, width * scale, 3), rows.dtype)
        enlarged = mapped(grey, enlarged, 1) if channels == 1 else enlarged
        return without_drift(enlarged, original, height * scale // original.shape[0])

    def _filled_up(self, height: int, width: int) -> tuple[int, int]:
        """The size at which the network sees a picture of that size."""
        least = max(LEAST_SIDE, self.network.smallest_side)
        return max(height, least), max(width, least)

    def _tiles(self, side: tuple[int, int], dtype: np.dtype, memory: int | None) -> int:
        """Tiles of one run of the network."""
        return self.network.count_tiles(*self._filled_up(*side), dtype, memory=memory)

    def _bytes_of_result(self, pixels: np.ndarray) -> int:
        """Bytes that the result of an array takes."""
        height, width, channels = pixels.shape
        return math.prod(self.size.of(height, width, self.network.scale)) * channels * pixels.itemsize

    def _passes(self, height: int, width: int) -> list[tuple[int, int]]:
        """Sizes of the pictures that the network gets one after the other."""
        scale = self.network.scale
        return [(height * scale**i, width * scale**i) for i in range(self.size.passes(height, width, scale))]

    def _runs(self, channels: int, hides_nothing: bool) -> int:
        """How often the network gets each of them: once more for alpha."""
        return 2 if channels in (2, 4) and not hides_nothing and self.alpha == "network" else 1

    def _least_of_runs(self, shape: tuple[int, ...], dtype: np.dtype, hides_nothing: bool) -> tuple[int, int, int]:
        """Bytes of the steps besides the network, how many runs of it there are, and the least bytes of each."""
        height, width, channels = shape
        size = self.size.of(height, width, self.network.scale)
        passes = self._passes(height, width)
        reached = self.network.scale ** len(passes)
        enlarged = (height * reached, width * reached, channels)
        work = working_memory(enlarged, size, dtype, self.network.scale, len(passes)) + MARGIN
        least = max((self.network.least_memory(*self._filled_up(*side), dtype) for side in passes), default=0)
        return work, len(passes) * self._runs(channels, hides_nothing), least

    def _memory_of_a_run(self, shape: tuple[int, ...], dtype: np.dtype, hides_nothing: bool, spare: int) -> int | None:
        """Bytes for each run of the network: all have rows in work at the same time, and share evenly.

        Args:
            shape: Height, width and channels of the picture.
            dtype: Type of its pixels.
            hides_nothing: As for `_upscale`.
            spare: Bytes beyond those of the smallest tiles.

        Returns:
            None if there is no bound, or no run.
        """
        _, runs, least = self._least_of_runs(shape, dtype, hides_nothing)
        return least + max(0, spare) // runs if runs and self.memory is not None else None

    def _spare(self, shape: tuple[int, ...], dtype: np.dtype, hides_nothing: bool, held: int) -> int:
        """Bytes beyond those of the steps and the smallest tiles: negative if too few are left of `memory` for them.

        The arguments are those of `_memory_of_a_run` and `_upscale`.
        """
        if self.memory is None:
            return 0
        self._prepare(dtype)
        work, runs, least = self._least_of_runs(shape, dtype, hides_nothing)
        return self.memory - resident_size() - held - work - runs * least

    def _prepare(self, dtype: np.dtype) -> None:
        """Lets the network allocate what it does once and for all, so that it is seen to be held."""
        if dtype not in self._prepared:
            side = self.network.smallest_side
            self.network(np.zeros((side, side, 3), dtype))
            self._prepared.add(dtype)


def tidied(rows: Rows) -> Stream:
    """A picture whose steps leave few holes: what they freed is returned to the system with each band."""

    def bands():
        for band in bands_of(rows):
            give_back()
            yield band

    return Stream(bands(), rows.shape, rows.dtype)


def colours_of(rows: Rows) -> Stream:
    """A picture without its transparency."""
    return mapped(lambda band: band[..., :-1], rows, rows.shape[2] - 1)


def alpha_of(rows: Rows) -> Stream:
    """The transparency of a picture."""
    return mapped(lambda band: band[..., -1:], rows, 1)


def joined(colours: Rows, alpha: Rows) -> Stream:
    """A picture and its transparency as one."""
    height, width, channels = colours.shape
    bands = (np.concatenate(pair, axis=2) for pair in zip(bands_of(colours), bands_of(alpha), strict=True))
    return Stream(bands, (height, width, channels + 1), colours.dtype)


def grey(band: np.ndarray) -> np.ndarray:
    """The mean of three channels, rounded to the nearest."""
    return ((band.sum(axis=2, keepdims=True, dtype=np.uint32) + 1) // 3).astype(band.dtype)


def with_opaque_alpha(band: np.ndarray) -> np.ndarray:
    """The pixels with another channel, which hides nothing."""
    return np.pad(band, [(0, 0), (0, 0), (0, 1)], constant_values=np.iinfo(band.dtype).max)


def shared_progress(progress: Progress | None, totals: list[int]) -> Callable[[], Progress]:
    """Lets several runs of the network tell one.

    Args:
        progress: Called with the number of finished tiles and that of all, of all runs.
        totals: Tiles of each run.

    Returns:
        Function whose n-th call returns what the n-th run tells.
    """
    done = [0] * len(totals)
    runs = itertools.count()

    def next_run() -> Progress:
        run = next(runs)

        def tell(finished: int, total: int) -> Any:
            done[run] = finished
            if progress:
                progress(sum(done), sum(totals))

        return tell

    return next_run
