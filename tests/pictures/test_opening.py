import io
import os

import pytest
from PIL import Image

from keras_lisr.pictures.opening import check_scans, check_tags, one_line, open_file, opened, pillow_limits, seekable


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
    check_scans(io.BytesIO(b"\xff\xda" * 500))
    with pytest.raises(ValueError, match="it has more than 500 scans"):
        check_scans(io.BytesIO(b"\xff\xda" * 501))


def test_tags_of_many_pages_may_be_as_long_as_the_file():
    for options in ({}, {"big_tiff": True}):
        stream = io.BytesIO()
        image = Image.new("RGB", (40, 40))
        image.save(stream, "TIFF", save_all=True, append_images=[image] * 5, icc_profile=bytes(5000), **options)
        check_tags(stream)
        with opened(stream, 10_000) as found:
            assert found.image.n_frames == 6
