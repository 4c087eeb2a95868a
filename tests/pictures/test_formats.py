import pytest

from keras_lisr.pictures.formats import (
    FORMATS,
    check_fits,
    check_output,
    check_quality,
    check_transparency,
    format_of,
    losses,
)
from keras_lisr.pictures.picture import Metadata


def test_formats_are_found_by_the_suffix():
    assert format_of("a.JPeG").name == format_of("folder.png/a.jpg").name == "JPEG"
    for name in ("a", "a.psd", "a.bmp", "a.png.part", ""):
        for check in (format_of, check_transparency, lambda path: check_fits(path, 4, 4)):
            with pytest.raises(ValueError, match="`path`"):
                check(name)


def test_folders_are_checked(tmp_path):
    (tmp_path / "folder.png").mkdir()
    for path in (tmp_path / "folder.png", tmp_path / "missing" / "a.png"):
        with pytest.raises(OSError, match="`path`"):
            check_output(path)


def test_formats_end_at_a_size():
    check_fits("a.png", 100_000, 100_000)
    check_fits("a.jpg", 65_500, 1)
    for name, side in (("a.jpg", 65_501), ("a.webp", 16_384), ("a.avif", 16_385), ("a.gif", 65_536)):
        with pytest.raises(ValueError, match="`path`"):
            check_fits(name, 4, side)


@pytest.mark.parametrize("suffix", FORMATS)
def test_transparency_animations_and_qualities_need_a_format_that_holds_them(suffix):
    known = format_of(f"a{suffix}")
    for check, argument, fits in (
        (check_transparency, "path", known.alpha),
        (lambda path: check_fits(path, 4, 4, frames=2), "path", suffix in (".gif", ".webp")),
        (lambda path: check_quality(path, 50), "quality", known.quality),
    ):
        if fits:
            check(f"a{suffix}")
        else:
            with pytest.raises(ValueError, match=f"`{argument}`"):
                check(f"a{suffix}")


def test_losses_are_told():
    assert losses("a.png", 16) == losses("a.tif", 16) == losses("a.jpg", 8) == losses("a.webp", 8) == ()
    assert len(losses("a.webp", 16)) == len(losses("a.avif", 16)) == len(losses("a.gif", 8)) == 1


@pytest.mark.parametrize(
    ("file", "lost"),
    [("a.jpg", ["texts"]), ("a.tif", ["EXIF", "texts"]), ("a.png", []), ("a.avif", ["texts", "resolution"])],
)
def test_metadata_that_a_format_does_not_hold_are_told(file, lost):
    known = dict.fromkeys(["exif-data", "exif-ifd0-Make", "xmp-data", "png-comment-0-Title"], "")
    told = losses(file, 8, Metadata(known, (300.0, 300.0)).names)
    assert len(told) == bool(lost) and all(name in told[0] for name in lost)
