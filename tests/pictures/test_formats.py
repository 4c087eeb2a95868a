import errno
import os
import tempfile

import numpy as np
import pytest

from keras_lisr.pictures import Metadata, Picture
from keras_lisr.pictures.formats import (
    FORMATS,
    READABLE,
    check_output,
    check_output_animation,
    check_output_channels,
    check_output_picture,
    check_output_size,
    check_quality,
    duration_losses,
    format_of,
    losses,
    metadata_losses,
    round_to_8_bits,
)


@pytest.mark.parametrize("name", ["a", "a.psd", "a.bmp", "a.png.part", ""])
def test_unknown_suffixes_are_refused(tmp_path, name):
    checks = (format_of, lambda path: check_output_size(path, 4, 4), lambda path: check_quality(path, None))
    for check in checks + ((check_output,) if name else ()):
        with pytest.raises(ValueError, match="`path`"):
            check(tmp_path / name if name else name)


def test_formats_are_found_by_path_and_by_suffix():
    assert format_of("a.JPeG").name == format_of(".jpg").name == format_of("folder.png/a.jpg").name == "JPEG"
    assert set(FORMATS) < set(READABLE)


def test_folders_are_checked(tmp_path, monkeypatch):
    (tmp_path / "folder.png").mkdir()
    for path in (tmp_path / "folder.png", tmp_path / "missing" / "a.png"):
        with pytest.raises(OSError, match="`path`"):
            check_output(path)

    def refuse(dir):
        raise PermissionError(errno.EACCES, "Permission denied", dir)

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(OSError, match=r"`path`.*\(Permission denied\)"):
        check_output(tmp_path / "a.png")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become somebody else")
def test_a_folder_of_somebody_else_cannot_be_written_to(tmp_path):
    os.seteuid(65534)
    try:
        with pytest.raises(OSError, match="`path`"):
            check_output(tmp_path / "a.png")
    finally:
        os.seteuid(0)


def test_formats_end_at_a_size():
    check_output_size("a.png", 100_000, 100_000)
    check_output_size("a.jpg", 65_500, 1)
    for name, side in (("a.jpg", 65_501), ("a.webp", 16_384), ("a.avif", 16_385), ("a.gif", 65_536)):
        with pytest.raises(ValueError, match="`path`"):
            check_output_size(name, 4, side)


def test_transparency_needs_a_format_that_holds_it():
    for suffix, known in FORMATS.items():
        check_output_channels(suffix, 3)
        if known.alpha:
            check_output_channels(suffix, 4)
            continue
        with pytest.raises(ValueError, match="`path`"):
            check_output_channels(f"a{suffix}", 2)
        pixels = np.full((2, 2, 4), 255, np.uint8)
        check_output_picture(f"a{suffix}", Picture(pixels))
        pixels[1, 1, 3] = 0
        with pytest.raises(ValueError, match="`path`"):
            check_output_picture(f"a{suffix}", Picture(pixels))


def test_animations_need_a_format_that_holds_them():
    for suffix, known in FORMATS.items():
        if known.animation:
            check_output_animation(suffix)
        else:
            with pytest.raises(ValueError, match="`path`"):
                check_output_animation(suffix)


def test_rounding_is_to_the_nearest():
    values = np.arange(65536, dtype=np.uint16)
    np.testing.assert_array_equal(round_to_8_bits(values), np.round(values / 257))
    assert round_to_8_bits(values).dtype == np.uint8
    eight = np.arange(256, dtype=np.uint8)
    assert round_to_8_bits(eight) is eight


def test_losses_are_told():
    assert losses("a.png", 16) == losses("a.tif", 16) == losses("a.jpg", 8) == losses("a.webp", 8) == ()
    assert len(losses("a.webp", 16)) == len(losses("a.avif", 16)) == 1
    assert len(losses("a.gif", 16)) == 2
    assert len(duration_losses("a.gif", [15, 20])) == 1
    assert duration_losses("a.gif", [10, 20]) == duration_losses("a.webp", [15]) == ()


def test_metadata_that_a_format_cannot_keep_is_named_in_one_line():
    fields = {"exif-data": b"e", "exif-ifd0-Make": "maker", "xmp-data": b"x", "iptc-data": b"i", "png-comment-0-a": "b"}
    metadata = Metadata(fields, (300.0, 300.0), ("channels beside the colours",))
    for suffix, names in {
        "png": "IPTC",
        "jpg": "texts",
        "tif": "EXIF, texts",
        "webp": "IPTC, texts, resolution",
        "gif": "EXIF, XMP, IPTC, texts, resolution",
    }.items():
        (told,) = metadata_losses(f"a.{suffix}", metadata)
        assert told == f"{format_of(suffix if '.' in suffix else '.' + suffix).name}: {names}, {LEFT_OUT} were left out"
        assert metadata_losses(f"a.{suffix}", metadata, strip_metadata=True) == ()
    assert metadata_losses("a.png", Metadata(fields={"xmp-data": b"x"}, dpi=(72.0, 72.0))) == ()


LEFT_OUT = "channels beside the colours"
