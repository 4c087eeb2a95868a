import errno
import os

import numpy as np
import pytest
from picture_files import exif_with, one_by_one, random_pixels
from PIL import Image

from keras_lisr.pictures import Animation, Metadata, Picture, read_animation, read_picture
from keras_lisr.pictures.formats import FORMATS, format_of
from keras_lisr.pictures.picture import PROFILE
from keras_lisr.pictures.vips import from_array
from keras_lisr.pictures.write import prepare, save, write_picture, write_rows
from keras_lisr.tiling.rows import Stream


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("suffix", FORMATS)
def test_rows_and_a_picture_make_the_same_file(tmp_path, metadata, suffix, channels, dtype):
    pixels = random_pixels((70, 40, channels), dtype)
    metadata = metadata if channels >= 3 else Metadata(dpi=(300.0, 150.0))
    if not format_of(f"a{suffix}").alpha and channels in (2, 4):
        with pytest.raises(ValueError, match="`path`"):
            write_rows(one_by_one(pixels), metadata, tmp_path / f"a{suffix}")
        return
    write_picture(Picture(pixels, metadata), tmp_path / f"a{suffix}")
    write_rows(one_by_one(pixels), metadata, tmp_path / f"b{suffix}")
    assert (tmp_path / f"b{suffix}").read_bytes() == (tmp_path / f"a{suffix}").read_bytes()


def test_16_bits_are_rounded_to_the_nearest_where_there_are_8(tmp_path):
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    image = prepare(from_array(values), Metadata(), FORMATS[".jpg"])
    result = np.frombuffer(image.write_to_memory(), np.uint8)
    np.testing.assert_array_equal(result, np.round(values.ravel() / 257))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colours_are_converted_where_their_profile_is_not_written(tmp_path, profiles, dtype):
    """Display P3's numbers in sRGB, by the matrices of CSS Color 4, clipped: its reds lie beyond sRGB."""
    step = np.iinfo(dtype).max // 255
    metadata = Metadata({PROFILE: profiles["p3"]})
    before = np.array([(255, 0, 0, 77), (128, 128, 128, 255), (200, 100, 100, 9)])
    after = np.array([(255, 0, 0, 77), (128, 128, 128, 255), (215, 93, 97, 9)])
    for channels in (3, 4):
        picture = Picture(np.tile(before[:, None, :channels] * step, (1, 4, 1)).astype(dtype), metadata)
        write_picture(picture, tmp_path / "kept.png")
        np.testing.assert_array_equal(read_picture(tmp_path / "kept.png").pixels, picture.pixels)
        write_picture(picture, tmp_path / "a.png", strip_metadata=True)
        result = read_picture(tmp_path / "a.png")
        assert not result.metadata.icc_profile and result.pixels.dtype == dtype
        assert np.abs(result.pixels / step - after[:, None, :channels]).max() <= 1.2
    grey = Picture(np.full((4, 4, 2), 100 * step, dtype), metadata)
    write_picture(grey, tmp_path / "a.png", strip_metadata=True)
    result = read_picture(tmp_path / "a.png").pixels
    assert result.shape == (4, 4, 2) and np.abs(result / step - 100).max() <= 1.2


def test_an_alpha_that_hides_nothing_is_left_out_where_there_is_none(tmp_path):
    pixels = np.full((4, 4, 4), 255, np.uint8)
    write_picture(Picture(pixels), tmp_path / "a.jpg")
    assert read_picture(tmp_path / "a.jpg").pixels.shape == (4, 4, 3)
    write_picture(Picture(pixels[..., [0, 3]]), tmp_path / "a.jpg")
    assert read_picture(tmp_path / "a.jpg").pixels.shape == (4, 4, 1)


def test_quality(tmp_path):
    picture = Picture(random_pixels((64, 64, 3)))
    for suffix in (".jpg", ".webp", ".avif"):
        lengths = []
        for quality in (30, 95, None):
            write_picture(picture, tmp_path / f"a{suffix}", quality=quality)
            lengths.append((tmp_path / f"a{suffix}").stat().st_size)
        assert lengths[0] < lengths[1] == lengths[2]
        for quality in (0, 101, 9.5, True):
            with pytest.raises(ValueError, match="`quality`"):
                write_picture(picture, tmp_path / f"a{suffix}", quality=quality)
    with pytest.raises(ValueError, match="`quality`"):
        write_picture(picture, tmp_path / "a.png", quality=50)


@pytest.mark.parametrize("suffix", [".jpg", ".avif"])
def test_red_edges_stay_sharp(tmp_path, suffix):
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:, 15:, 0] = 255
    write_picture(Picture(pixels), tmp_path / f"a{suffix}")
    assert np.abs(read_picture(tmp_path / f"a{suffix}").pixels.astype(int) - pixels).max() < 30


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(errno.ENOSPC, "No space left on device")])
@pytest.mark.parametrize("write", [write_picture, lambda picture, file: write_rows(picture.pixels, Metadata(), file)])
def test_nothing_is_left_of_a_file_that_was_not_finished(tmp_path, monkeypatch, error, write):
    picture = Picture(np.zeros((4, 4, 3), np.uint8))
    write_picture(picture, tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()

    def stop(*args, **options):
        raise error

    monkeypatch.setattr("keras_lisr.pictures.write.save", stop)
    with pytest.raises((KeyboardInterrupt, OSError), match="^$|`path`.*a.png'"):
        write(picture, tmp_path / "a.png")
    assert os.listdir(tmp_path) == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == before


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError("of the network")])
@pytest.mark.parametrize("suffix", FORMATS)
def test_rows_that_fail_leave_no_file(tmp_path, suffix, error):
    def bands():
        yield np.zeros((3000, 300, 3), np.uint8)
        raise error

    with pytest.raises((KeyboardInterrupt, ValueError), match="^$|^of the network$"):
        write_rows(Stream(bands(), (6000, 300, 3), np.uint8), Metadata(), tmp_path / f"a{suffix}")
    assert not os.listdir(tmp_path)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device")
def test_a_full_disk_is_told():
    image = from_array(random_pixels((400, 400, 3)))
    with open("/dev/full", "wb") as stream, pytest.raises(OSError, match="."):
        save(image, stream, FORMATS[".png"])


@pytest.mark.parametrize("loop", [0, 1, 5])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_every_frame_and_its_timing_come_back(tmp_path, metadata, suffix, channels, loop):
    frames = np.zeros((3, 20, 26, channels), np.uint8)  # Of few colours, so that GIF keeps them.
    for i, frame in enumerate(frames):
        frame[:, :, 0] = 40 * (np.arange(26) // 5)
        frame[4 + i : 12 + i, 3 * i : 9 + 3 * i] = 255
        if channels == 4:
            frame[..., 3] = 255
            frame[: 5 + i, :, 3] = 0
    known = metadata if channels >= 3 and suffix == "webp" else Metadata()
    file = tmp_path / f"a.{suffix}"
    write_picture(Animation([Picture(frame, known) for frame in frames], [40, 250, 1000], loop), file)
    with Image.open(file) as image:
        assert image.n_frames == 3
    result = read_animation(file)
    assert (result.durations, result.loop) == ([40, 250, 1000], loop)
    kept = result.frames[0].metadata
    assert kept.icc_profile == known.icc_profile and ("exif-ifd0-Make" in kept.fields) is ("exif-data" in known.fields)
    for before, after in zip(frames, result.frames, strict=True):
        visible = before[..., 3:] > 0 if channels == 4 else np.ones((20, 26, 1), bool)
        if after.pixels.shape[2] == 4:
            np.testing.assert_array_equal(after.pixels[..., 3:], 255 * visible)
        assert (np.abs(after.pixels[..., :3].astype(int) - before[..., :3]) * visible).mean() <= 5


def test_frames_are_turned_upright_one_by_one(tmp_path):
    frames = [Image.new("RGB", (20, 10), (value, 0, 0)) for value in (0, 120, 255)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], exif=exif_with(6), lossless=True)
    found = read_animation(tmp_path / "a.webp").frames
    assert [(frame.pixels.shape[:2], *np.unique(frame.pixels[..., 0])) for frame in found] == [
        ((20, 10), value) for value in (0, 120, 255)
    ]


def test_an_animation_of_one_frame_is_a_picture(tmp_path):
    write_picture(Animation([Picture(random_pixels((9, 8, 3)))], [0]), tmp_path / "a.jpg")
    animation = read_animation(tmp_path / "a.jpg")
    assert len(animation.frames) == 1 and animation.loop == 1
    np.testing.assert_array_equal(animation.frames[0].pixels, read_picture(tmp_path / "a.jpg").pixels)
