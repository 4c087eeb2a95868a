import io
import struct
import zlib

import numpy as np
import pytest
from picture_files import exif_with, png_chunk
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from keras_lisr.pictures import Animation, Metadata, Picture, png_chunks, read_animation, read_picture, write_picture
from keras_lisr.pictures.png_chunks import Chunk, meaning_of
from keras_lisr.pictures.read import picture_size
from keras_lisr.pictures.strips import StripReader, StripWriter
from keras_lisr.pictures.write import write_animation

BT_709 = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
TEXTS = [
    Chunk(b"tEXt", b"Title\0a name"),
    Chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"many words")),
    Chunk(b"iTXt", b"Author\0\0\0\0\0" + "Jürgen 图".encode()),
]
MEANING = [Chunk(b"gAMA", struct.pack(">I", 100_000)), Chunk(b"cHRM", BT_709[:-4] + bytes(4))]


def png(*chunks, late=(), size=(4, 3)):
    """A PNG with chunks before its pixels, and behind them."""
    stream = io.BytesIO()
    Image.new("RGB", size, "red").save(stream, "PNG")
    content = stream.getvalue()
    before, after = (b"".join(png_chunk(*chunk) for chunk in part) for part in (chunks, late))
    return content[:33] + before + content[33:-12] + after + content[-12:]


@pytest.mark.parametrize("is_late", [False, True])
def test_texts_and_meanings_stay_as_they_were(tmp_path, is_late):
    file = tmp_path / "a.png"
    file.write_bytes(png(*MEANING, *([] if is_late else TEXTS), late=TEXTS if is_late else ()))
    picture = read_picture(file)
    assert picture.metadata.chunks == (*MEANING, *TEXTS)
    deep = picture.pixels.astype(np.uint16) * 257
    for pixels in (picture.pixels, deep):
        write_picture(Picture(pixels, picture.metadata), file)
        again = read_picture(file)
        assert again.metadata.chunks == (*MEANING, *TEXTS)
        np.testing.assert_array_equal(again.pixels, pixels)
        with Image.open(file) as image:  # Before the pixels, where all readers look.
            assert (image.info["Title"], image.info["Author"], image.info["gamma"]) == ("a name", "Jürgen 图", 1)
        with StripReader(file) as rows, StripWriter(file, *pixels.shape, pixels.dtype, rows.metadata) as writer:
            writer.write(rows[: len(pixels)])
        assert read_picture(file).metadata.chunks == (*MEANING, *TEXTS)
        write_picture(again, file, strip_metadata=True)
        assert read_picture(file).metadata.chunks == ()


def test_texts_of_an_animation_stay(tmp_path):
    metadata = Metadata(chunks=tuple(TEXTS))
    frames = [Picture(np.full((4, 5, 3), value, np.uint8), metadata) for value in (0, 255)]
    write_animation(Animation(frames, [20, 30]), tmp_path / "a.png")
    animation = read_animation(tmp_path / "a.png")
    assert animation.frames[1].metadata.chunks == tuple(TEXTS) and animation.durations == [20, 30]


def test_only_png_gets_chunks(tmp_path):
    metadata = Metadata(chunks=(*MEANING, *TEXTS))
    pixels = np.zeros((4, 5, 3), np.uint8)
    for suffix in ("jpg", "tif", "webp", "avif", "bmp", "gif"):
        write_picture(Picture(pixels, metadata), tmp_path / f"a.{suffix}")
        assert read_picture(tmp_path / f"a.{suffix}").metadata.chunks == ()
    with StripWriter(tmp_path / "a.tif", 4, 5, 3, np.uint8, metadata) as writer:
        writer.write(pixels)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.tif").pixels, pixels)


def test_exif_and_xmp_behind_the_pixels_are_found(tmp_path):
    exif = exif_with(6).tobytes().removeprefix(b"Exif\0\0")
    for late in (Chunk(b"eXIf", exif), Chunk(b"tEXt", f"Raw profile type APP1\0\nAPP1\n9\n{exif.hex()}\n".encode())):
        file = io.BytesIO(png(late=[late, Chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x/>")]))
        assert picture_size(file)[:2] == (4, 3)
        picture = read_picture(io.BytesIO(file.getvalue()))
        assert picture.pixels.shape == (4, 3, 3) and len(picture.metadata.exif) == len(exif)
        assert picture.metadata.xmp == b"<x/>" and picture.metadata.chunks == ()


def test_xmp_is_no_text_of_its_own(tmp_path):
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", "<x/>", zip=True)
    Image.new("RGB", (4, 3)).save(tmp_path / "a.png", pnginfo=info)
    assert read_picture(tmp_path / "a.png").metadata == Metadata(xmp=b"<x/>")


def test_one_chunk_of_a_kind_says_what_numbers_mean():
    linear, other = MEANING[0], Chunk(b"gAMA", struct.pack(">I", 50_000))
    metadata = read_picture(io.BytesIO(png(linear, other, Chunk(b"cICP", b"\x01")))).metadata
    assert metadata.chunks == (linear,)


def test_there_is_an_end_to_chunks(monkeypatch):
    monkeypatch.setattr(png_chunks, "MAX_TEXT_MEMORY", 100)
    with pytest.raises(ValueError, match=r"\(its texts are longer than 100 bytes\)"):
        read_picture(io.BytesIO(png(late=[Chunk(b"tEXt", b"a\0" + bytes(100))])))
    monkeypatch.setattr(png_chunks, "MOST_CHUNKS", 10)
    with pytest.raises(ValueError, match=r"\(it has more than 10 chunks\)"):
        read_picture(io.BytesIO(png(late=10 * [Chunk(b"abCd", b"")])))


@pytest.mark.parametrize(
    ("chunks", "meaning"),
    [
        ([], ""),
        ([(b"gAMA", 45_455), (b"cHRM", BT_709)], ""),
        ([(b"gAMA", 0)], ""),
        ([(b"gAMA", 55_556)], "gAMA 0.55556"),
        ([(b"sRGB", b"\0"), (b"gAMA", 55_556)], ""),
        ([(b"gAMA", 100_000), (b"cHRM", BT_709[:-4] + bytes(4))], "gAMA 1, cHRM 0.3127 0.329 0.64 0.33 0.3 0.6 0.15 0"),
        ([(b"cICP", b"\x01\x0d\0\1"), (b"gAMA", 100_000)], ""),
        ([(b"cICP", b"\x02\x02\0\1")], ""),
        ([(b"sRGB", b"\0"), (b"cICP", b"\x09\x10\0\1")], "cICP 9, 16, BT.2020, PQ"),
        ([(b"cICP", b"\x0c\x0d\0\1")], "cICP 12, 13, Display P3"),
        ([(b"cICP", b"\xff\xfe\0\1")], "cICP 255, 254"),
    ],
)
def test_what_is_not_srgb_is_named(chunks, meaning):
    packed = [Chunk(kind, struct.pack(">I", data) if isinstance(data, int) else data) for kind, data in chunks]
    assert meaning_of(packed) == meaning
