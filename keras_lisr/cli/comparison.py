"""`--compare`: the result beside bicubic's."""

from pathlib import Path

import numpy as np

from keras_lisr.batch import Job
from keras_lisr.batch.jobs import check_free, is_same
from keras_lisr.pictures.formats import check_output, rounded_to_8_bits


def check_comparison(comparison: Path, jobs: list[Job], overwrite: bool) -> None:
    """Checks that the comparison can be written, and over nothing that is still needed.

    Raises:
        ValueError: If there are several pictures, or the file is one that is read or written, or exists and may not be
            replaced.
        OSError: If it cannot be written where it is wanted.
    """
    if len(jobs) > 1:
        raise ValueError(f"`compare` must come with a single picture. Received: {len(jobs)} pictures")
    check_output(comparison)
    for name, path in (("IN", jobs[0].source), ("OUT", jobs[0].target)):
        if is_same(comparison, path):
            raise ValueError(f"FILE must be another file than {name}. Received: {str(comparison)!r}")
    if not overwrite:
        check_free([Job(jobs[0].source, comparison)])


def write_comparison(job: Job, comparison: Path, label: str, max_pixels: int, by_rows: bool) -> None:
    """Writes a job's result beside its source as bicubic enlarges it, both as 8-bit RGB.

    Args:
        job: What was done.
        comparison: File to write.
        label: Name of the network.
        max_pixels: Of the source.
        by_rows: Whether the pictures may be beyond memory. What cannot be read by rows was not, when it was upscaled.

    Raises:
        ValueError: If one of the files cannot be read.
        OSError: If the comparison cannot be written.
    """
    from keras_lisr.inference.comparison import middle, side_by_side
    from keras_lisr.pictures import Picture, read_picture, write_picture
    from keras_lisr.pictures.read import ANY_SIZE, picture_size
    from keras_lisr.pictures.strips import StripReader
    from keras_lisr.pictures.vips import LOADERS
    from keras_lisr.runtime.rows import Stream, bands_of

    sizes = [picture_size(file) for file in (job.source, job.target)]
    height, width = sizes[0][:2]
    halves = []
    for file, size, most in zip((job.source, job.target), sizes, (max_pixels, ANY_SIZE), strict=True):
        rows, columns = middle(height, width, size.height // height)
        if by_rows and size.format in LOADERS:
            with StripReader(file, most) as picture:
                parts = (band[:, columns].copy() for band in bands_of(picture))
                shape = (size.height, columns.stop - columns.start, size.channels)
                pixels = Stream(parts, shape, picture.dtype)[rows]
        else:
            pixels = read_picture(file, max_pixels=most).pixels[rows, columns]
        halves.append(rgb(pixels))
    write_picture(Picture(side_by_side(halves[0], halves[1], label)), comparison)


def rgb(pixels: np.ndarray) -> np.ndarray:
    """The colours of a picture in 8 bits, without its transparency."""
    colours = pixels[..., : 1 if pixels.shape[2] <= 2 else 3]
    return np.repeat(rounded_to_8_bits(colours), 3 // colours.shape[2], axis=2)
