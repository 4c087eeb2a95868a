"""What the page's buttons do, without the page."""

import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from keras_lisr.demo.models import Models
from keras_lisr.pictures import Picture, PictureUpscaler, read_picture, write_picture
from keras_lisr.pictures.picture import round_to_8_bits
from keras_lisr.pictures.read import picture_size
from keras_lisr.tiling.rows import Progress


class CancelledError(Exception):
    """A computation was stopped because nobody wants its result any more."""


class Upscaled(NamedTuple):
    """A result.

    Args:
        bicubic: File of the picture, enlarged by bicubic.
        network: File of the picture, enlarged by the network: PNG, with all that the picture's own file held.
        summary: What it is, in one line.
    """

    bicubic: Path
    network: Path
    summary: str


class Sessions:
    """Upscales what the open pages ask for, each until it is done or cancelled.

    Args:
        models: What they can choose from.
        folder: Where uploads lie, and results are written, each in a folder of its own.
        max_pixels: Pixels that a picture may have.
    """

    def __init__(self, models: Models, folder: Path, max_pixels: int):
        self.models = models
        self.folder = folder.resolve()
        self.max_pixels = max_pixels
        self._cancelled: dict[str, threading.Event] = {}

    def begin(self, session: str) -> None:
        """Announces a computation of a page, which can be cancelled from now on."""
        self._cancelled[session] = threading.Event()

    def cancel(self, session: str) -> None:
        """Stops a page's computation, or the announced one as soon as it starts."""
        if session in self._cancelled:
            self._cancelled[session].set()

    def cancel_all(self) -> None:
        """Stops every computation."""
        for cancelled in list(self._cancelled.values()):
            cancelled.set()

    def is_upload(self, path: str) -> bool:
        """Whether a file lies where uploads do."""
        return Path(path).resolve().is_relative_to(self.folder)

    def read(self, upload: str | None) -> Picture:
        """Reads a picture that was uploaded.

        Raises:
            ValueError: If there is none, it lies elsewhere, cannot be read, or is too large for the page.
        """
        if upload is None:
            raise ValueError("Choose a picture first.")
        if not self.is_upload(upload):
            raise ValueError("The picture must be one that was uploaded.")
        path = Path(upload)
        try:
            header = picture_size(path)
            if header.height * header.width > self.max_pixels:
                raise ValueError(
                    f"The picture must have at most {self.max_pixels:,} pixels on this page; `keras-lisr upscale` "
                    f"takes larger ones. Received: {path.name}, {header.width} x {header.height} pixels"
                )
            return read_picture(path)
        except ValueError as error:
            # Where the page keeps a file is of no interest.
            raise ValueError(" ".join(str(error).replace(str(path), path.name).split())) from error

    def upscale(self, session: str, upload: str | None, model: str, progress: Progress) -> Upscaled:
        """Upscales a picture for a page that has announced it.

        Args:
            session: The page.
            upload: File that was uploaded.
            model: Name of one of the models.
            progress: Called with the number of finished tiles and that of all.

        Raises:
            ValueError: If the picture or the model is none that it can work with.
            CancelledError: If it was cancelled, between two tiles.
        """
        cancelled = self._cancelled.get(session)

        def step(done: int, total: int) -> None:
            if cancelled is None or cancelled.is_set():
                raise CancelledError(f"Cancelled after {done} of {total} tiles.")
            progress(done, total)

        try:
            picture = self.read(upload)
            network = self.models.upscaler(model)
            start = time.monotonic()
            super_resolved = PictureUpscaler(network)(picture, progress=step)
            seconds = time.monotonic() - start
        finally:
            if self._cancelled.get(session) is cancelled:
                self._cancelled.pop(session, None)
        height, width = super_resolved.pixels.shape[:2]
        name, folder = Path(str(upload)).stem, Path(tempfile.mkdtemp(dir=self.folder))
        bicubic = folder / f"{name}_bicubic.png"
        enlarged = visible(picture).resize((width, height), Image.Resampling.BICUBIC)
        enlarged.save(bicubic, icc_profile=picture.metadata.icc_profile)
        write_picture(super_resolved, folder / f"{name}_x{network.scale}.png")
        summary = f"{width} x {height} pixels by {model} in {seconds:.1f} s"
        return Upscaled(bicubic, folder / f"{name}_x{network.scale}.png", summary)


def visible(picture: Picture) -> Image.Image:
    """A picture in 8 bits, to be looked at."""
    pixels = round_to_8_bits(picture.pixels)
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
