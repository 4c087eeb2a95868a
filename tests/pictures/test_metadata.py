import struct

import numpy as np
import pytest
from picture_files import exif_with
from PIL import Image
from PIL.ExifTags import IFD, Base

from keras_lisr.pictures import Metadata, Picture, read_picture, write_picture
from keras_lisr.pictures.metadata import (
    dots_per_inch,
    find_value,
    metadata_of,
    of_size,
    profile_of,
    upright,
    with_orientation,
    without_thumbnail,
)
from keras_lisr.pictures.strips import StripWriter


def exif_block(order, *entries):
    """An EXIF block made by hand."""
    packed = b"".join(struct.pack(f"{order}HHI", *entry[:3]) + entry[3] for entry in entries)
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return magic + struct.pack(f"{order}IH", 8, len(entries)) + packed + bytes(4)


def spellings(xmp):
    """The same attributes as XML allows them to be written."""
    return [xmp, xmp.replace(b'"', b"'"), xmp.replace(b"=", b" = "), xmp.replace(b"=", b"\n=").replace(b'"', b"'")]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("kind", "format"), [(1, "B"), (3, "H"), (4, "I")])
def test_the_orientation_is_reset_in_place(order, kind, format):
    note = (0x927C, 7, 4, b"note")  # Makers' notes hold offsets of their own, which must stay right.
    block = exif_block(order, note, (0x0112, kind, 1, struct.pack(f"{order}{format}", 6).ljust(4, b"\0")))
    found, position = find_value(block, Base.Orientation)
    assert struct.unpack_from(found, block, position) == (6,)
    reset = with_orientation(block, 1)
    assert struct.unpack_from(found, reset, position) == (1,)
    assert [i for i, (before, after) in enumerate(zip(block, reset, strict=True)) if before != after] != []
    assert with_orientation(reset, 6) == block


@pytest.mark.parametrize(
    "block",
    [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", exif_block("<"), exif_block("<", (0x0112, 3, 2, bytes(4)))[:-4]]
    + [exif_block("<", (0x0112, 5, 1, bytes(4))), exif_block("<", (0x0112, 3, 1, bytes(4)))[:-8]],
)
def test_what_is_no_orientation_is_none(block):
    assert find_value(block, Base.Orientation) is None
    assert with_orientation(block, 1) == block


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("kind", "format", "most"), [(3, "H", 65_535), (4, "I", 100_000)])
def test_the_size_is_said_in_place(order, kind, format, most):
    def block(height, width):
        first = exif_block(order, (IFD.Exif, 4, 1, struct.pack(f"{order}I", 26)))
        values = (struct.pack(f"{order}{format}", value).ljust(4, b"\0") for value in (width, height))
        tags = zip((Base.ExifImageWidth, Base.ExifImageHeight), values, strict=True)
        return first + exif_block(order, *((tag, kind, 1, value) for tag, value in tags))[8:]

    assert of_size(Metadata(block(30, 40)), 120, 160).exif == block(120, 160)
    assert of_size(Metadata(block(30, 40)), 100_000, 160).exif == block(100_000 if most == 100_000 else 30, 160)
    for exif in (b"", exif_block(order), exif_block(order, (IFD.Exif, 4, 1, b"\xff" * 4))):
        assert of_size(Metadata(exif), 120, 160).exif == exif
    said = b'<a tiff:ImageWidth="40" exif:PixelXDimension="40"/><exif:PixelYDimension>30</exif:PixelYDimension>'
    for xmp in spellings(said):
        assert of_size(Metadata(xmp=xmp), 120, 160).xmp == xmp.replace(b"40", b"160").replace(b"30", b"120")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "avif", "tif"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_files_say_their_own_size(tmp_path, suffix, dtype):
    exif = exif_with(1)
    exif.get_ifd(IFD.Exif).update({Base.ExifImageWidth: 5, Base.ExifImageHeight: 4})
    metadata = Metadata(exif.tobytes().removeprefix(b"Exif\0\0"))
    pixels = np.zeros((16, 20, 3), dtype)
    write_picture(Picture(pixels, metadata), tmp_path / f"a.{suffix}")
    files = [tmp_path / f"a.{suffix}"]
    if suffix not in ("webp", "avif"):
        files.append(tmp_path / f"strips.{suffix}")
        with StripWriter(files[-1], 16, 20, 3, dtype, metadata) as writer:
            writer.write(pixels)
    for file in files:
        said = Image.Exif()
        said.load(read_picture(file).metadata.exif)
        assert said[Base.Make] == "maker"
        assert [said.get_ifd(IFD.Exif)[tag] for tag in (Base.ExifImageHeight, Base.ExifImageWidth)] == [16, 20]


def test_metadata_stays_as_it_was(tmp_path):
    exif = exif_with(8)
    exif.get_ifd(IFD.Exif)[Base.MakerNote] = bytes(range(200))
    xmp = b'<a tiff:Orientation="8"/><tiff:Orientation>8</tiff:Orientation>'
    Image.new("RGB", (4, 3)).save(tmp_path / "a.jpg", exif=exif, xmp=xmp, dpi=(72, 72))
    with Image.open(tmp_path / "a.jpg") as image:
        metadata, orientation = metadata_of(image, is_grey=False)
        before = image.info["exif"][6:]
    assert orientation == 8
    assert metadata.exif == with_orientation(before, 1)
    assert bytes(range(200)) in metadata.exif
    assert metadata.xmp == b'<a tiff:Orientation="1"/><tiff:Orientation>1</tiff:Orientation>'
    assert metadata.dpi == (72, 72)


def test_xmp_says_the_orientation_where_exif_does_not(tmp_path):
    for xmp in spellings(b'<a tiff:Orientation="6"/>'):
        Image.new("RGB", (4, 3)).save(tmp_path / "a.jpg", xmp=xmp)
        with Image.open(tmp_path / "a.jpg") as image:
            metadata, orientation = metadata_of(image, is_grey=False)
        assert (metadata.xmp, orientation) == (xmp.replace(b"6", b"1"), 6)
    Image.new("RGB", (4, 3)).save(tmp_path / "a.jpg", xmp=b'<a tiff:Orientation="6"/>', exif=exif_with(3))
    with Image.open(tmp_path / "a.jpg") as image:
        assert metadata_of(image, is_grey=False)[1] == 3


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_thumbnail_is_kept_unless_it_lies_on_its_side(tmp_path, order, orientation):
    def short(tag, value):
        return tag, 3, 1, struct.pack(f"{order}H", value).ljust(4, b"\0")

    picture, thumbnail = (exif_block(order, short(*tag)) for tag in ((Base.Orientation, orientation), (259, 6)))
    exif = b"Exif\0\0" + picture[:-4] + struct.pack(f"{order}I", len(picture)) + thumbnail[8:]
    Image.new("RGB", (4, 3)).save(tmp_path / "a.jpg", exif=exif)
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.getexif().get_ifd(IFD.IFD1) == {259: 6}
        metadata, _ = metadata_of(image, is_grey=False)
    read = Image.Exif()
    read.load(metadata.exif)
    assert read.get_ifd(IFD.IFD1) == ({259: 6} if orientation == 1 else {})
    assert read[Base.Orientation] == 1


def test_a_block_that_is_cut_has_no_thumbnail_to_lose():
    block = exif_with(6).tobytes().removeprefix(b"Exif\0\0")
    for length in range(30):
        assert without_thumbnail(block[:length]) == block[:length]


def test_exif_in_a_text_of_a_png(tmp_path):
    block = exif_with(6).tobytes()
    image = Image.new("RGB", (4, 3))
    image.info["Raw profile type exif"] = f"\nexif\n{len(block):8}\n{block.hex()}\n"
    image.format = "PNG"
    metadata, orientation = metadata_of(image, is_grey=False)
    assert orientation == 6 and metadata.exif == with_orientation(block[6:], 1)
    image.info["Raw profile type exif"] = "\nexif\n3\nno hex"
    assert metadata_of(image, is_grey=False)[0].exif == b""


@pytest.mark.parametrize("orientation", range(10))
def test_pixels_are_turned_as_pillow_turns_them(orientation):
    pixels = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    method = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }.get(orientation)
    image = Image.fromarray(pixels)
    expected = np.array(image.transpose(method) if method is not None else image)
    np.testing.assert_array_equal(upright(pixels, orientation), expected)


def test_resolutions_that_make_no_sense_are_none():
    assert dots_per_inch((300, 150.5)) == (300, 150.5)
    for dpi in (None, (), 300, (0, 0), (-1, 300), (float("nan"), 1), (float("inf"), 1), ("a", "b"), (1e9, 1e9)):
        assert dots_per_inch(dpi) is None
    assert dots_per_inch((25.4, 25.4)) is None  # What libvips writes where nothing is known.


def test_profiles_of_other_channels_are_dropped(profiles):
    assert profile_of(profiles["p3"], is_grey=False) == profile_of(profiles["p3"], is_grey=True) == profiles["p3"]
    assert profile_of(profiles["cmyk"], is_grey=False) == b""
    assert profile_of(b"no profile", is_grey=False) == b""
