import io

import numpy as np
import pytest
import pyvips
from PIL import Image
from PIL.ExifTags import IFD, Base

from keras_lisr.pictures.tiff_exif import add_exif, read_exif


@pytest.fixture(params=["classic", "big-endian", "BigTIFF"])
def tiff(request):
    """A TIFF without EXIF, in a stream, and its pixels."""
    pixels = np.arange(20 * 30 * 3, dtype=np.uint16).reshape(20, 30, 3)
    image = pyvips.Image.new_from_array(pixels).copy(interpretation="rgb16")
    content = image.tiffsave_buffer(compression="lzw", bigtiff=request.param == "BigTIFF")
    if request.param == "big-endian":
        pixels = pixels[..., 0]
        stream = io.BytesIO()
        Image.frombytes("I;16B", (30, 20), pixels.astype(">u2").tobytes()).save(stream, "TIFF")
        content = stream.getvalue()
        assert content.startswith(b"MM")
    return io.BytesIO(content), pixels


def parsed(block):
    exif = Image.Exif()
    exif.load(block)
    return exif


def test_exif_is_added_and_read(tiff, metadata):
    stream, pixels = tiff
    before = stream.getvalue()
    add_exif(stream, metadata.exif)
    assert stream.getvalue()[16 : len(before)] == before[16:]  # Nothing moved.
    read = pyvips.Image.new_from_buffer(stream.getvalue(), "").numpy()
    np.testing.assert_array_equal(read.reshape(pixels.shape), pixels)
    with Image.open(stream) as image:
        exif = parsed(read_exif(image))
    assert exif[Base.Make] == "maker"
    assert exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] == "2020:01:02 03:04:05"
    assert exif.get_ifd(IFD.GPSInfo)[2] == (48, 30, 15)


def test_what_cannot_be_parsed_is_left_out(tiff):
    stream, _ = tiff
    before = stream.getvalue()
    beyond_the_end = b"MM\0*\0\0\0\x08\0\1\1\x0f\0\2\0\0\0\xff\0\0\0\xff"
    for block in (b"", b"II*\0", b"II*\0\x08\0\0\0\xff\xff", beyond_the_end, bytes(50)):
        add_exif(stream, block)
        with Image.open(io.BytesIO(stream.getvalue())) as image:
            image.load()
    assert stream.getvalue() == before


def test_how_a_tiff_is_stored_is_no_exif(tiff):
    stream, _ = tiff
    with Image.open(stream) as image:
        assert read_exif(image) == b""
    assert read_exif(io.BytesIO(b"II*\0")) == b""
