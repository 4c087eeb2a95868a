import io
import os
import struct

import numpy as np
import pytest
from PIL import Image

from keras_lisr.pictures import read_picture
from keras_lisr.pictures.opening import check_tags, one_line, open_file, opened, pillow_limits, scans_of, seekable


def test_limits_of_several_users_are_the_largest():
    before = Image.MAX_IMAGE_PIXELS
    with pillow_limits(100):
        with pillow_limits(10):
            assert Image.MAX_IMAGE_PIXELS == 50
        with pillow_limits(1000):
            assert Image.MAX_IMAGE_PIXELS == 500
        assert Image.MAX_IMAGE_PIXELS == 50
    assert before == Image.MAX_IMAGE_PIXELS


def test_errors_are_one_printable_line():
    assert one_line(ValueError("a\nb\tc  d")) == "a b c d"
    assert one_line(ValueError("red \x1b[31m text\x00")) == "red ?[31m text?"
    assert one_line(KeyError()) == "KeyError"
    assert len(one_line(ValueError("long" * 1000))) == 300
    assert one_line(ValueError("it is\nbroken, it\nit is\nis")) == "it is broken, it is"


def test_whatever_goes_wrong_is_an_error_that_names_the_file(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    for error in (OSError("broken"), KeyError("broken"), MemoryError("broken"), SyntaxError("broken")):
        message = r"^`file` must be a readable picture. Received: file='.*a.png' \('?broken'?\)$"
        with pytest.raises(ValueError, match=message), opened(tmp_path / "a.png", 100):
            raise error
    with pytest.raises(KeyboardInterrupt), opened(tmp_path / "a.png", 100):
        raise KeyboardInterrupt


def test_streams_go_by_their_name_if_they_have_one(tmp_path):
    (tmp_path / "a.png").write_text("no picture")
    message = "file='.*a.png'"
    with (tmp_path / "a.png").open("rb") as stream, pytest.raises(ValueError, match=message), opened(stream, 100):
        pass
    with pytest.raises(ValueError, match="file='stream'"), opened(io.BytesIO(b"no picture"), 100):
        pass


def test_files_are_closed(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    with opened(tmp_path / "a.png", 100) as found:
        assert found.image.size == (4, 4)
    assert found.stream.closed
    with open_file(tmp_path / "a.png") as stream, opened(stream, 100):
        pass
    assert stream.closed


def test_streams_that_cannot_be_searched_are_bounded():
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as file:
        file.write(b"content")
    with os.fdopen(reading, "rb") as stream:
        assert seekable(stream, 1).read() == b"content"
    stream = io.BytesIO()
    assert seekable(stream, 1) is stream


def test_pictures_of_many_scans_are_refused():
    scan = b"\xff\xda\0\2"
    assert scans_of(io.BytesIO(b"\xff\xd8" + scan * 500)) == 500
    with pytest.raises(ValueError, match="it has more than 500 scans"):
        scans_of(io.BytesIO(b"\xff\xd8" + scan * 501))
    with pytest.raises(ValueError, match="it has more than 10000 segments"):
        scans_of(io.BytesIO(b"\xff\xd8" + b"\xff\xfe\0\2" * 10_001))


def test_only_scans_that_a_decoder_follows_are_counted(tmp_path):
    stream = io.BytesIO()
    # What looks like scans stands in a comment and, as a phone's video may, behind the end.
    Image.new("RGB", (40, 40)).save(stream, "JPEG", comment=b"\xff\xda" * 600)
    content = stream.getvalue() + b"\xff\xda" * 600
    (tmp_path / "a.jpg").write_bytes(content)
    for file in (tmp_path / "a.jpg", io.BytesIO(content)):
        with opened(file, 1600) as found:
            assert found.image.size == (40, 40)


@pytest.mark.parametrize("at_once", [1, 2, 3, 7])
def test_markers_are_found_wherever_reading_stops(monkeypatch, at_once):
    monkeypatch.setattr("keras_lisr.pictures.opening.SEARCHED_AT_ONCE", at_once)
    content = io.BytesIO(b"\xff\xd8" + b"\xff\xda\0\2\xff\0\xff\xd0" * 500 + b"\xff\xd9")
    scans_of(content)
    content.seek(-2, io.SEEK_END)
    content.write(b"\xff\xda\0\2")
    with pytest.raises(ValueError, match="it has more than 500 scans"):
        scans_of(content)


def test_the_limit_of_a_gif_is_fixed_only_where_it_is():
    stream = io.BytesIO()
    Image.new("P", (200, 200)).save(stream, "GIF")
    small = stream.getvalue()
    large = small[:6] + struct.pack("<HH", 20_000, 20_000) + small[10:]
    with pytest.raises(ValueError, match="at most 200 megapixels, as a GIF.*400 megapixels$"):
        read_picture(io.BytesIO(large), max_pixels=10**9)
    with pytest.raises(ValueError, match="--max-pixels 40000 lifts the limit"):
        read_picture(io.BytesIO(small), max_pixels=10_000)


def test_tags_of_many_pages_may_be_as_long_as_the_file():
    for options in ({}, {"big_tiff": True}):
        stream = io.BytesIO()
        image = Image.new("RGB", (40, 40))
        image.save(stream, "TIFF", save_all=True, append_images=[image] * 5, icc_profile=bytes(5000), **options)
        check_tags(stream)
        with opened(stream, 10_000) as found:
            assert found.image.n_frames == 6


@pytest.mark.parametrize("has_boxes", [True, False])
def test_a_jpeg_2000_without_its_last_tiles_is_refused(has_boxes):
    stream = io.BytesIO()
    random = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(random).save(stream, "JPEG2000", tile_size=(16, 16), no_jp2=not has_boxes)
    content = stream.getvalue()
    expected = read_picture(io.BytesIO(content)).pixels
    last_tile = content.rindex(b"\xff\x90\0\x0a")
    for cut_off in (content[:last_tile], content[:-2], content[:-1]):
        with pytest.raises(ValueError, match=r"\(it is cut off\)"):
            read_picture(io.BytesIO(cut_off))
    whole = [content + b"\0", content + bytes(60)]
    if has_boxes:  # The codestream may go on to the end, say its length in 64 bits, or have something behind.
        start = content.index(b"jp2c") - 4
        codestream = content[start + 8 :]
        length = struct.pack(">Q", len(codestream) + 16)
        whole += [content[:start] + head + codestream for head in (b"\0\0\0\0jp2c", b"\0\0\0\x01jp2c" + length)]
        whole[0] = content + b"\0\0\0\x0cuuidsome"
    for again in whole:
        np.testing.assert_array_equal(read_picture(io.BytesIO(again)).pixels, expected)
