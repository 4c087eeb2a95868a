import errno
import html
import io
import os
import sys
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from picture_files import exif_with
from PIL import Image
from PIL.ExifTags import Base

from keras_lisr.pictures import Animation, Metadata, Picture, read_animation, read_picture, write_picture
from keras_lisr.pictures.formats import FORMATS
from keras_lisr.pictures.strips import StripWriter
from keras_lisr.pictures.write import encode_picture, write_animation

pixels_of_any_kind = st.tuples(
    st.integers(1, 12), st.integers(1, 12), st.integers(1, 4), st.sampled_from([np.uint8, np.uint16])
).flatmap(lambda shape: arrays.arrays(shape[3], shape[:3]))


@settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(pixels_of_any_kind, st.sampled_from([".png", ".tif", ".TIFF"]))
def test_png_and_tiff_lose_nothing(pixels, suffix):
    result = read_picture(io.BytesIO(encode_picture(Picture(pixels), suffix))).pixels
    assert result.dtype == pixels.dtype
    np.testing.assert_array_equal(result, pixels)


@settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(pixels_of_any_kind, st.sampled_from([".jpg", ".webp", ".avif", ".bmp", ".gif"]))
def test_other_formats_keep_the_size_and_round_to_8_bits(pixels, suffix):
    try:
        content = encode_picture(Picture(pixels), suffix)
    except ValueError as error:
        assert "a format for transparency" in str(error) and suffix in (".jpg", ".bmp") and pixels.shape[2] in (2, 4)
        return
    result = read_picture(io.BytesIO(content))
    assert result.pixels.shape[:2] == pixels.shape[:2]
    assert result.depth == 8
    if suffix == ".bmp" and pixels.shape[2] in (1, 3):
        expected = np.round(pixels / 257) if pixels.dtype == np.uint16 else pixels
        np.testing.assert_array_equal(result.pixels, expected)


@settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=300), st.binary(max_size=300), st.binary(max_size=300), st.sampled_from(sorted(FORMATS)))
def test_any_metadata_can_be_written(exif, profile, xmp, suffix):
    """What cannot be understood is kept or left out, but it costs nobody the result of long work."""
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    for start in (b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"):
        metadata = Metadata(start + exif if start else b"", profile, xmp, (300, 300))
        for strip_metadata in (False, True):
            encode_picture(Picture(pixels), suffix, strip_metadata=strip_metadata)
            content = encode_picture(Picture(pixels, metadata), suffix, strip_metadata=strip_metadata)
            assert read_picture(io.BytesIO(content)).pixels.shape[:2] == (4, 4)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("position", [0, 8, 12, 36, 64, 128])
def test_a_damaged_profile_keeps_no_picture_from_being_written(tmp_path, profiles, channels, position):
    """Libpng looks into profiles, and refuses to write one of another length than it says, above all."""
    profile = bytearray(profiles["p3"])
    profile[position : position + 4] = b"\x7f\0\0\1"
    pixels = np.full((9, 11, channels), 300, np.uint16)
    metadata = Metadata(icc_profile=bytes(profile))
    write_picture(Picture(pixels, metadata), tmp_path / "whole.png")
    with StripWriter(tmp_path / "strips.png", *pixels.shape, pixels.dtype, metadata) as writer:
        writer.write(pixels)
    for name in ("whole.png", "strips.png"):
        np.testing.assert_array_equal(read_picture(tmp_path / name).pixels, pixels)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif", "avif"])
@pytest.mark.parametrize(("channels", "dtype"), [(3, np.uint8), (4, np.uint8), (3, np.uint16), (4, np.uint16)])
def test_metadata_is_kept_or_stripped(tmp_path, metadata, suffix, channels, dtype):
    if suffix == "jpg" and channels == 4:
        channels = 1
        metadata = Metadata(metadata.exif, b"", metadata.xmp, metadata.dpi)
    pixels = np.full((8, 9, channels), 99, dtype)
    write_picture(Picture(pixels, metadata), tmp_path / f"a.{suffix}")
    kept = read_picture(tmp_path / f"a.{suffix}").metadata
    exif = Image.Exif()
    exif.load(kept.exif)
    assert exif[Base.Make] == "maker"
    assert exif.get_ifd(0x8769)[Base.DateTimeOriginal] == "2020:01:02 03:04:05"
    assert exif.get_ifd(0x8825)[2] == (48, 30, 15)
    assert kept.icc_profile == metadata.icc_profile
    assert html.unescape(kept.xmp.decode()) == metadata.xmp.decode()
    assert kept.dpi == (pytest.approx(metadata.dpi, abs=0.02) if suffix in ("png", "jpg", "tif") else None)

    write_picture(Picture(pixels, metadata), tmp_path / f"a.{suffix}", strip_metadata=True)
    stripped = read_picture(tmp_path / f"a.{suffix}").metadata
    assert stripped == Metadata()
    assert b"maker" not in (tmp_path / f"a.{suffix}").read_bytes()


def test_colours_are_converted_where_their_profile_is_not_written(tmp_path, colours, profiles):
    metadata = Metadata(icc_profile=profiles["p3"])
    grey = np.full((4, 4, 3), 128, np.uint8)
    for dtype, most in ((np.uint8, 1), (np.uint16, 257)):
        for alpha in (False, True):
            pixels = colours.astype(dtype) * (1 if dtype == np.uint8 else 257)
            if alpha:
                pixels = np.dstack([pixels, pixels[..., 0]])
            seen = Picture(pixels, metadata)
            write_picture(seen, tmp_path / "kept.png")
            np.testing.assert_array_equal(read_picture(tmp_path / "kept.png").pixels, pixels)
            write_picture(seen, tmp_path / "a.png", strip_metadata=True)
            result = read_picture(tmp_path / "a.png")
            assert not result.metadata.icc_profile
            # Display P3's red is redder than sRGB's: what is not grey gets more saturated numbers.
            assert np.abs(result.pixels[..., :3].astype(int) - pixels[..., :3]).max() > 8 * most
            if alpha:
                np.testing.assert_array_equal(result.pixels[..., 3], pixels[..., 3])
    write_picture(Picture(colours, metadata), tmp_path / "a.bmp")
    write_picture(Picture(colours, metadata), tmp_path / "a.png", strip_metadata=True)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.bmp").pixels, read_picture(tmp_path / "a.png").pixels)
    write_picture(Picture(grey, metadata), tmp_path / "a.png", strip_metadata=True)
    assert np.abs(read_picture(tmp_path / "a.png").pixels.astype(int) - 128).max() <= 1


def test_transparency_is_refused_where_it_would_be_lost(tmp_path):
    pixels = np.full((4, 4, 4), 255, np.uint8)
    for suffix in ("jpg", "bmp"):
        write_picture(Picture(pixels), tmp_path / f"a.{suffix}")  # It hides nothing.
        assert read_picture(tmp_path / f"a.{suffix}").pixels.shape == (4, 4, 3)
        write_picture(Picture(pixels[..., [0, 3]]), tmp_path / f"a.{suffix}")
        assert read_picture(tmp_path / f"a.{suffix}").pixels.shape == (4, 4, 1)
    pixels[1, 1, 3] = 254
    for suffix in ("jpg", "bmp"):
        with pytest.raises(ValueError, match=r"`path` must have a format for transparency \(.png, .webp, .tif, "):
            write_picture(Picture(pixels), tmp_path / f"b.{suffix}")
        assert not (tmp_path / f"b.{suffix}").exists()


def test_quality(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    for suffix in (".jpg", ".webp", ".avif"):
        lengths = [len(encode_picture(Picture(noise), suffix, quality=quality)) for quality in (30, 95)]
        assert lengths[0] < lengths[1] == len(encode_picture(Picture(noise), suffix))
        for quality in (0, 101, 9.5, True):
            with pytest.raises(ValueError, match="`quality` must be from 1 to 100. Received: quality="):
                write_picture(Picture(noise), tmp_path / f"a{suffix}", quality=quality)
    with pytest.raises(ValueError, match="`quality` must be absent for PNG, which has none. Received: quality=50"):
        write_picture(Picture(noise), tmp_path / "a.png", quality=50)


def test_red_edges_stay_sharp_in_jpeg(tmp_path):
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:, 15:, 0] = 255
    write_picture(Picture(pixels), tmp_path / "a.jpg")
    assert np.abs(read_picture(tmp_path / "a.jpg").pixels.astype(int) - pixels).max() < 30


def test_written_files_have_the_usual_permissions(tmp_path):
    (tmp_path / "usual").touch()
    write_picture(Picture(np.zeros((4, 4, 3), np.uint8)), tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(errno.ENOSPC, "No space left on device")])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_nothing_is_left_of_a_file_that_was_not_finished(tmp_path, monkeypatch, error, dtype):
    picture = Picture(np.zeros((4, 4, 3), dtype))
    write_picture(picture, tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()

    def stop(*args, **options):
        raise error

    monkeypatch.setattr("keras_lisr.pictures.write.Image.Image.save", stop)
    monkeypatch.setattr("keras_lisr.pictures.vips.save", stop)
    with pytest.raises((KeyboardInterrupt, OSError), match=r"^$|`path` could not be written.*a.png' \(No space left"):
        write_picture(picture, tmp_path / "a.png")
    assert os.listdir(tmp_path) == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == before


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp", "avif"])
def test_what_is_written_is_upright_whatever_the_metadata_say(tmp_path, suffix):
    said = Metadata(exif_with(6).tobytes().removeprefix(b"Exif\0\0"), xmp=b'<x tiff:Orientation="6"/>')
    for dtype in (np.uint8, np.uint16):
        write_picture(Picture(np.zeros((9, 11, 3), dtype), said), tmp_path / f"a.{suffix}")
        found = read_picture(tmp_path / f"a.{suffix}")
        assert found.pixels.shape == (9, 11, 3) and b'Orientation="6"' not in found.metadata.xmp


def test_exif_that_is_too_long_for_jpeg_is_left_out(tmp_path):
    long = Metadata(exif=b"II*\0\x08\0\0\0\0\0" + bytes(70_000), xmp=b"x" * 70_000)
    write_picture(Picture(np.zeros((4, 4, 3), np.uint8), long), tmp_path / "a.jpg")
    assert read_picture(tmp_path / "a.jpg").metadata == Metadata()


def test_profiles_longer_than_a_segment_are_whole(tmp_path, profiles):
    profile = profiles["p3"] + bytes(200_000)
    for suffix in ("jpg", "png", "tif", "webp"):
        write_picture(Picture(np.zeros((4, 4, 3), np.uint8), Metadata(icc_profile=profile)), tmp_path / f"a.{suffix}")
        assert read_picture(tmp_path / f"a.{suffix}").metadata.icc_profile == profile


def test_pyvips_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyvips", None)
    with pytest.raises(ValueError, match=r"pip install 'keras_lisr\[pictures\]'"):
        encode_picture(Picture(np.zeros((4, 4, 3), np.uint16)), ".png")


@pytest.mark.parametrize("suffix", [".tif", ".avif"])
def test_damaged_exif_is_written_without_a_warning_of_pillow(tmp_path, suffix):
    exif = Image.Exif()
    exif[Base.Make], exif[Base.Model] = "maker" * 20, "model" * 20
    damaged = Metadata(exif=exif.tobytes().removeprefix(b"Exif\0\0")[:-80])
    with warnings.catch_warnings(record=True) as caught:  # As errors, they would be taken for what they warn of.
        warnings.simplefilter("always")
        write_picture(Picture(np.zeros((8, 8, 3), np.uint8), damaged), tmp_path / f"a{suffix}")
    assert not caught and (tmp_path / f"a{suffix}").is_file()


@pytest.mark.parametrize(
    ("suffix", "duration", "kept"),
    [(".gif", 655_350, 655_350), (".webp", 16_777_215, 16_777_215), (".png", 65_537, 66_000), (".png", 100, 100)],
)
def test_frames_are_shown_for_long(tmp_path, suffix, duration, kept):
    frames = [Picture(np.full((8, 8, 3), grey, np.uint8)) for grey in (0, 255)]
    write_animation(Animation(frames, [duration, 10]), tmp_path / f"a{suffix}")
    assert read_animation(tmp_path / f"a{suffix}").durations == [kept, 10]


@pytest.mark.parametrize(("suffix", "name", "longest"), [(".gif", "GIF", 655_350), (".webp", "WEBP", 2**24 - 1)])
def test_frames_that_are_shown_for_too_long_are_refused(tmp_path, suffix, name, longest):
    frames = [Picture(np.full((8, 8, 3), grey, np.uint8)) for grey in (0, 255)]
    message = f"frames can be shown for {longest + 1} ms; {name} has {longest} at most. Received: path='.*a{suffix}'"
    with pytest.raises(ValueError, match=message):
        write_animation(Animation(frames, [10, longest + 1]), tmp_path / f"a{suffix}")
    assert not os.listdir(tmp_path)
