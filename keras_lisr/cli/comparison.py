"""`--compare`: the result beside bicubic's."""

from pathlib import Path

import numpy as np

from keras_lisr.batch import Job
from keras_lisr.batch.jobs import check_free, is_same
from keras_lisr.pictures.formats import check_output, round_to_8_bits


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


def write_comparison(job: Job, comparison: Path, label: str, max_pixels: int) -> None:
    """Writes a job's result beside its source as bicubic enlarges it, both as 8-bit RGB.

    Args:
        job: What was done.
        comparison: File to write.
        label: Name of the network.
        max_pixels: Of the source.

    Raises:
        ValueError: If one of the files cannot be read.
        OSError: If the comparison cannot be written.
    """
    from keras_lisr.inference.comparison import middle, side_by_side
    from keras_lisr.pictures import Picture, write_picture
    from keras_lisr.pictures.read import ANY_SIZE, StripReader
    from keras_lisr.runtime.rows import Stream, bands_of

    with StripReader(job.source, max_pixels) as source, StripReader(job.target, ANY_SIZE) as target:
        height, width, _ = source.shape
        halves = []
        for picture in (source, target):
            rows, columns = middle(height, width, picture.shape[0] // height)
            parts = (band[:, columns] for band in bands_of(picture))
            shape = (picture.shape[0], columns.stop - columns.start, picture.shape[2])
            halves.append(rgb(Stream(parts, shape, picture.dtype)[rows]))
    write_picture(Picture(side_by_side(halves[0], halves[1], label)), comparison)


def rgb(pixels: np.ndarray) -> np.ndarray:
    """The colours of a picture in 8 bits, without its transparency."""
    colours = pixels[..., : 1 if pixels.shape[2] <= 2 else 3]
    return np.repeat(round_to_8_bits(colours), 3 // colours.shape[2], axis=2)
