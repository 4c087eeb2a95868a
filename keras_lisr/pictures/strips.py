"""Pictures beyond memory: read and written by rows, from top to bottom."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from shutil import disk_usage
from typing import Any, Self

import numpy as np

from keras_lisr.pictures import raw_tiff, vips, vips_files
from keras_lisr.pictures.color import to_srgb
from keras_lisr.pictures.formats import (
    FORMATS,
    check_output,
    check_output_channels,
    check_output_size,
    check_quality,
    format_of,
    held_by,
    rounded_to_8_bits,
)
from keras_lisr.pictures.header import TILE, header_of, left_by_vips, load_deep
from keras_lisr.pictures.metadata import TURNS, is_rearranged, of_size
from keras_lisr.pictures.opening import DEFAULT_MAX_PIXELS, one_line, opened, unreadable
from keras_lisr.pictures.picture import Metadata
from keras_lisr.pictures.read import check_pixels, description
from keras_lisr.runtime.memory import give_back
from keras_lisr.runtime.rows import BAND, Stream
from keras_lisr.whole_files import PARTIAL, not_written, written_whole

FETCHED = 16  # Rows at a time: libvips holds some of them in several places.


class StripReader:
    """Rows of a picture in a file, decoded when they are asked for; a context manager.

    `decoder_memory` is what its decoder holds, in bytes: WebP, AVIF, progressive JPEG and interlaced PNG are decoded as
    a whole.

    The pixels are those of `read_picture`, except that libvips decodes them all: JPEG and CMYK may differ by a step,
    AVIF with halved chroma by more, because its colours are enlarged otherwise (a photograph's by 1.5 of 255 in the
    mean). A picture whose rows come in another order once it is upright is unpacked to a temporary file first.

    Args:
        path: TIFF, PNG, JPEG, WebP or AVIF.
        max_pixels: Height times width, at most.

    Raises:
        ValueError: If it cannot be read, or not in strips, is too large, or pyvips is not installed.

    Example:
        with StripReader("large.tif") as rows:
            top, below = rows[:64], rows[64:128]
    """

    def __init__(self, path: str | Path, max_pixels: int = DEFAULT_MAX_PIXELS):
        with opened(path, max_pixels) as found:
            header = header_of(found)
            check_pixels(header.height * header.width, max_pixels)
            if header.frames > 1:
                raise ValueError(f"it has {header.frames} frames or pages")
            self.metadata, orientation = description(found, header)
            self.decoder_memory = header.decoder_memory
            orientation = left_by_vips(orientation, header)
            stored = load_deep(found)
            image = vips.in_srgb_or_grey(stored, header.channels)
            upright = turned(image, orientation)
            self.shape = (header.height, header.width, header.channels)
            if (upright.height, upright.width, upright.bands) != self.shape:
                raise ValueError(f"its header says {self.shape}, and its content is different")
        self.dtype = vips.DTYPES[image.format]
        self._path = path
        if vips.is_converted(stored):  # Libvips would hold hundreds of rows of each step to sRGB.
            image = stored
        self._rows: Stream | None = Stream(self._bands(image, orientation), self.shape, self.dtype)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._rows = None  # With it go libvips' own handles of the file.

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        """Some rows, `(stop - start, width, channels)`; those above are let go.

        Raises:
            IndexError: If rows are asked for that were let go.
            ValueError: If the file is broken there, or was closed.
        """
        if self._rows is None:
            raise ValueError(f"`rows` must be asked for before the file is closed. Received: {str(self._path)!r}")
        return self._rows[rows]

    def _bands(self, image: Any, orientation: int) -> Iterator[np.ndarray]:
        pyvips = vips.import_vips()
        height, width, channels = self.shape
        fetched = BAND if vips.is_converted(image) else FETCHED  # A profile is set up for each band.
        with contextlib.ExitStack() as stack:
            try:
                if is_rearranged(orientation):
                    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="keras-lisr-"))
                    stored = unpacked(image, Path(folder))
                else:
                    stored = image
                region = pyvips.Region.new(turned(stored, orientation))
                for top in range(0, height, fetched):
                    count = min(fetched, height - top)
                    content = region.fetch(0, top, width, count)
                    if vips.is_converted(image):
                        yield vips.to_array(vips.in_srgb_or_grey(vips.like(content, count, width, image), channels))
                    else:
                        yield np.frombuffer(content, self.dtype).reshape(count, width, channels)
            except pyvips.Error as error:
                raise unreadable(self._path, error) from error


class StripWriter:
    """Writes a picture that comes row by row, whole or not at all; a context manager.

    The rows go to a temporary file beside the target, without compression; when all are there, the target is made of
    it. Whatever happens, the temporary file is removed.

    Args:
        path: File to write: PNG, TIFF (a BigTIFF beyond 3 GiB) or JPEG.
        height: Of the picture, in pixels.
        width: Likewise.
        channels: 1 for grey, 3 for RGB, and 1 more with alpha.
        dtype: uint8 or uint16.
        metadata: What is known of the picture.
        quality: As for `write_picture`.
        strip_metadata: As for `write_picture`: colours are converted to sRGB.

    Raises:
        ValueError: If the format cannot hold the picture, or not be written in strips, or pyvips is not installed.
        OSError: If the file cannot be written.

    Example:
        with StripWriter("large.tif", 40_000, 60_000, 3, np.uint8) as writer:
            for rows in bands:
                writer.write(rows)
    """

    def __init__(
        self,
        path: str | Path,
        height: int,
        width: int,
        channels: int,
        dtype: Any,
        metadata: Metadata | None = None,
        quality: int | None = None,
        strip_metadata: bool = False,
    ):
        check_output(path)
        check_output_size(path, height, width)
        check_output_channels(path, channels)
        check_quality(path, quality)
        self._path = Path(path)
        self._format = format_of(path)
        if not self._format.strips:
            able = ", ".join(suffix for suffix, other in FORMATS.items() if other.strips)
            raise ValueError(
                f"`path` must end in one of {able} for a picture beyond memory. Received: path={str(path)!r}"
            )
        vips.import_vips()
        metadata = metadata or Metadata()
        self._profile = metadata.icc_profile if strip_metadata else b""
        self._metadata = Metadata() if strip_metadata else held_by(self._format, of_size(metadata, height, width))
        self._shape = (height, width, channels)
        self._dtype = np.dtype(dtype)
        self._quality = quality or self._format.quality
        self._written = 0

    def __enter__(self) -> Self:
        self._raw = tempfile.NamedTemporaryFile(dir=self._path.resolve().parent, prefix=PARTIAL[:-1], suffix=".tif")
        self._raw.write(bytes(raw_tiff.HEADER))
        return self

    def write(self, rows: np.ndarray) -> None:
        """Writes the next rows.

        Raises:
            ValueError: If they are not of the width, channels and type that were announced.
            OSError: If there is no room for them.
        """
        if rows.shape[1:] != self._shape[1:] or rows.dtype != self._dtype:
            raise ValueError(
                f"`rows` must have shape (n, {self._shape[1]}, {self._shape[2]}) and type {self._dtype}. "
                f"Received: {rows.shape}, {rows.dtype}"
            )
        if self._profile:
            rows = to_srgb(rows, self._profile)
        if self._format.depth == 8:
            rows = rounded_to_8_bits(rows)
        try:
            self._raw.write(np.ascontiguousarray(rows, rows.dtype.newbyteorder("<")).data)
        except OSError as error:
            raise not_written(self._path, error) from error
        self._written += len(rows)

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        try:
            with self._raw:
                if kind is None:
                    self._finish()
        except OSError as failure:
            if failure.errno is None:  # It was told which file could not be written.
                raise
            raise not_written(self._path, failure) from failure  # What closing writes out.

    def _finish(self) -> None:
        """Makes the target.

        Raises:
            ValueError: If rows are missing.
            OSError: If it cannot be written.
        """
        if self._written != self._shape[0]:
            raise ValueError(f"`rows` must be {self._shape[0]} in all. Received: {self._written}")
        pyvips = vips.import_vips()
        give_back()  # What made the rows is gone, and encoders allocate elsewhere.
        dtype = np.dtype(np.uint8) if self._format.depth == 8 else self._dtype
        raw_tiff.finish(self._raw, *self._shape, dtype)
        with written_whole(self._path) as partial, partial.open("w+b") as stream:
            try:
                image = vips.load(self._raw, "TIFF")
                vips_files.write(image, self._metadata, self._format.name, stream, self._quality)
            except pyvips.Error as error:
                raise OSError(one_line(error)) from error


def unpacked(image: Any, folder: Path) -> Any:
    """A picture of libvips that is read from top to bottom as one of which any part can be read, in little memory.

    Libvips would do so itself, but maps its file into memory: 300 MB of 96 megapixels, and slower by a quarter.

    Raises:
        OSError: If there is no room for it.
    """
    needed = image.height * image.width * image.bands * vips.DTYPES[image.format].itemsize
    free = disk_usage(folder).free
    if free < needed:
        raise OSError(
            f"There must be {needed} bytes free for temporary files (TMPDIR) to turn the picture. "
            f"Received: {free} in {str(folder.parent)!r}"
        )
    path = str(folder / "unpacked.tif")
    image.tiffsave(path, tile=True, tile_width=TILE, tile_height=TILE, bigtiff=True)
    return vips.import_vips().Image.tiffload(path)


def turned(image: Any, orientation: int) -> Any:
    """A picture of libvips turned as the EXIF orientation says."""
    transposed, rows, columns = TURNS.get(orientation, (False, False, False))
    if transposed:
        image = image.rot90().fliphor()
    if rows:
        image = image.flipver()
    return image.fliphor() if columns else image
