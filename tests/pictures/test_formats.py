import errno
import os
import tempfile
import tracemalloc

import numpy as np
import pytest

from keras_lisr.pictures import Metadata, Picture
from keras_lisr.pictures.formats import (
    FORMATS,
    LARGEST_EXIF,
    LARGEST_XMP,
    READABLE,
    check_output,
    check_output_channels,
    check_output_picture,
    check_output_size,
    check_quality,
    format_of,
    is_opaque,
    losses,
    metadata_losses,
    rounded_to_8_bits,
)
from keras_lisr.pictures.png_chunks import Chunk


@pytest.mark.parametrize("name", ["a", "a.psd", "a.txt", "a.png.part", ""])
def test_unknown_suffixes_are_refused(tmp_path, name):
    checks = (format_of, lambda path: check_output_size(path, 4, 4), lambda path: check_quality(path, None))
    for check in checks + ((check_output,) if name else ()):
        with pytest.raises(ValueError, match=r"`path` must end in one of .png, .jpg, .*Received: path='.*"):
            check(tmp_path / name if name else name)


def test_formats_are_found_by_path_and_by_suffix():
    assert format_of("a.JPeG").name == format_of(".jpg").name == format_of("folder.png/a.jpg").name == "JPEG"
    assert set(FORMATS) < set(READABLE)


def test_folders_are_checked(tmp_path, monkeypatch):
    (tmp_path / "folder.png").mkdir()
    message = r"`path` must be a file in a folder that can be written to. Received: path='.*"
    with pytest.raises(OSError, match=message + r"folder.png' \(it is a folder\)"):
        check_output(tmp_path / "folder.png")
    with pytest.raises(OSError, match=message + r"a.png' \(No such file or directory\)"):
        check_output(tmp_path / "missing" / "a.png")

    def refuse(dir):
        raise PermissionError(errno.EACCES, "Permission denied", dir)

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(OSError, match=message + r"a.png' \(Permission denied\)"):
        check_output(tmp_path / "a.png")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become somebody else")
def test_a_folder_of_somebody_else_cannot_be_written_to(tmp_path):
    os.seteuid(65534)
    try:
        with pytest.raises(OSError, match=r"\(Permission denied\)"):
            check_output(tmp_path / "a.png")
    finally:
        os.seteuid(0)


def test_formats_end_at_a_size():
    check_output_size("a.png", 100_000, 100_000)
    check_output_size("a.jpg", 65_500, 1)
    for name, side in (("a.jpg", 65_501), ("a.webp", 16_384), ("a.avif", 16_385), ("a.gif", 65_536)):
        with pytest.raises(ValueError, match=f"must have a format for {side} x 4 pixels, such as .png; "):
            check_output_size(name, 4, side)
    with pytest.raises(ValueError, match="such as .png; BMP ends at 4 GiB"):
        check_output_size("a.bmp", 40_000, 40_000)


def test_transparency_needs_a_format_that_holds_it():
    for suffix, known in FORMATS.items():
        check_output_channels(suffix, 3)
        if known.alpha:
            check_output_channels(suffix, 4)
            continue
        with pytest.raises(ValueError, match=f"{known.name} has none. Received: path='a{suffix}'"):
            check_output_channels(f"a{suffix}", 2)
        pixels = np.full((2, 2, 4), 255, np.uint8)
        check_output_picture(f"a{suffix}", Picture(pixels))
        pixels[1, 1, 3] = 0
        with pytest.raises(ValueError, match=f"{known.name} has none"):
            check_output_picture(f"a{suffix}", Picture(pixels))


def test_what_is_opaque():
    assert is_opaque(np.zeros((2, 2, 3), np.uint8)) and is_opaque(np.zeros((2, 2, 1), np.uint16))
    assert is_opaque(np.full((2, 2, 4), 65535, np.uint16)) and not is_opaque(np.full((2, 2, 2), 255, np.uint16))


def test_rounding_is_to_the_nearest():
    values = np.arange(65536, dtype=np.uint16)
    np.testing.assert_array_equal(rounded_to_8_bits(values), np.round(values / 257))
    assert rounded_to_8_bits(values).dtype == np.uint8
    eight = np.arange(256, dtype=np.uint8)
    assert rounded_to_8_bits(eight) is eight


def test_rounding_takes_little_besides_its_result():
    deep = np.zeros((1000, 1000, 3), np.uint16)
    tracemalloc.start()
    rounded_to_8_bits(deep)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * deep.size


def test_losses_are_told():
    assert losses("a.png", 16) == losses("a.tif", 16) == losses("a.jpg", 8) == losses("a.webp", 8) == ()
    assert losses("a.webp", 16) == ("WEBP holds 8 bits per channel: 16 were rounded",)
    assert len(losses("a.gif", 16)) == 2


def test_metadata_that_a_format_cannot_keep_is_named():
    long = Metadata(exif=bytes(70_000), xmp=bytes(70_000))
    assert [loss.split(":")[0] for loss in metadata_losses("a.jpg", long)] == [
        f"JPEG holds {LARGEST_EXIF} bytes of EXIF",
        f"JPEG holds {LARGEST_XMP} bytes of XMP",
    ]
    assert metadata_losses("a.gif", Metadata(exif=b"e")) == ("GIF holds no EXIF and no XMP: they were left out",)
    assert metadata_losses("a.png", long) == metadata_losses("a.bmp", Metadata(dpi=(72, 72))) == ()


def test_texts_and_colours_that_only_png_can_keep_are_told():
    metadata = Metadata(chunks=(Chunk(b"gAMA", (100_000).to_bytes(4, "big")), Chunk(b"tEXt", b"Title\0name")))
    colours = "the colours are not those of sRGB (gAMA 1), which was left out: they will be taken for sRGB"
    assert metadata_losses("a.webp", metadata) == (colours, "WEBP holds no texts of PNG: they were left out")
    assert metadata_losses("a.png", metadata) == ()
    assert metadata_losses("a.png", metadata, strip_metadata=True) == (colours,)
    with_profile = Metadata(icc_profile=b"p", chunks=metadata.chunks[:1])
    assert metadata_losses("a.webp", with_profile) == metadata_losses("a.jpg", Metadata(chunks=())) == ()
    assert len(metadata_losses("a.bmp", Metadata(exif=b"e", chunks=metadata.chunks))) == 3


def test_a_resolution_that_is_left_out_is_told():
    dpi = Metadata(dpi=(300.0, 300.0))
    assert metadata_losses("a.webp", dpi) == ("WEBP holds no resolution: it was left out",)
    assert metadata_losses("a.gif", dpi) == ("GIF holds no resolution: it was left out",)
    assert metadata_losses("a.png", dpi) == metadata_losses("a.avif", Metadata(exif=b"II", dpi=(300.0, 300.0))) == ()
