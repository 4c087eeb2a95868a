import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import IFD, Base
from PIL.PngImagePlugin import PngInfo

from keras_lisr.pictures import Metadata, Picture, read_picture, write_picture
from keras_lisr.pictures.formats import FORMATS
from keras_lisr.pictures.metadata import TEXTS, XMP


def write_and_read(tmp_path, suffix, metadata, dtype=np.uint8, **options):
    """The metadata that are read again of a picture that was written with some, and by Pillow."""
    file = tmp_path / f"a{suffix}"
    write_picture(Picture(np.full((8, 9, 3), 99, dtype), metadata), file, **options)
    with Image.open(file) as image:
        return read_picture(file).metadata, image.getexif()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("suffix", FORMATS)
def test_what_a_format_holds_is_kept_and_the_rest_left_out(tmp_path, metadata, suffix, dtype):
    kept, exif = write_and_read(tmp_path, suffix, metadata, dtype)
    holds_any, holds_exif = suffix != ".gif", suffix not in (".gif", ".tif", ".tiff")
    assert kept.icc_profile == (metadata.icc_profile if holds_any else b"")
    assert kept.fields.get(XMP) == (metadata.fields[XMP] if holds_any else None)
    assert ("exif-data" in kept.fields) is holds_exif
    if holds_exif:
        assert exif[Base.Make] == "maker"
        assert exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] == "2020:01:02 03:04:05"
        assert exif.get_ifd(IFD.Exif)[Base.ExifImageWidth] == 9
        assert exif.get_ifd(IFD.GPSInfo)[2] == (48, 30, 15)
    if suffix not in (".webp", ".avif", ".gif"):
        assert kept.dpi == pytest.approx((300, 150), abs=0.02)
    stripped, exif = write_and_read(tmp_path, suffix, metadata, dtype, strip_metadata=True)
    assert not stripped.fields and Base.Make not in exif


def test_where_nothing_is_known_nothing_is_made_up(tmp_path):
    for suffix in FORMATS:
        kept, exif = write_and_read(tmp_path, suffix, Metadata())
        assert not kept.fields and Base.ExifOffset not in exif
        assert kept.dpi in (None, pytest.approx((72, 72), abs=0.05))


def test_texts_of_a_png_are_kept(tmp_path):
    texts = PngInfo()
    texts.add_text("Title", "a name", zip=True)
    texts.add_itxt("Author", "Jürgen")
    Image.new("RGB", (4, 4)).save(tmp_path / "in.png", pnginfo=texts)
    metadata = read_picture(tmp_path / "in.png").metadata
    assert sorted(value for name, value in metadata.fields.items() if name.startswith(TEXTS)) == ["Jürgen", "a name"]
    kept, _ = write_and_read(tmp_path, ".png", metadata)
    assert kept.fields == metadata.fields


def test_what_was_turned_upright_says_so(tmp_path):
    exif = Image.Exif()
    exif[Base.Orientation] = 6
    xmp = b"<x tiff:Orientation='6'/>"
    Image.new("RGB", (9, 4)).save(tmp_path / "in.jpg", exif=exif, xmp=xmp)
    picture = read_picture(tmp_path / "in.jpg")
    for suffix in (".png", ".jpg", ".tif", ".webp", ".avif"):
        kept, exif = write_and_read(tmp_path, suffix, picture.metadata)
        assert exif.get(Base.Orientation, 1) == 1
        assert kept.fields[XMP] == b"<x tiff:Orientation='1'/>"


def test_profiles_that_are_broken_or_for_other_channels_are_left_out(tmp_path, profiles):
    for broken in (b"no profile" * 20, b"", b"\0" * 300, profiles["cmyk"]):
        Image.new("RGB", (4, 4)).save(tmp_path / "in.jpg", icc_profile=broken)
        assert read_picture(tmp_path / "in.jpg").metadata.icc_profile == b""
