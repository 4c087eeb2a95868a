import struct

import numpy as np
import pytest
from PIL import Image

from keras_lisr.pictures import Animation, Picture, read_animation, read_picture, write_animation
from keras_lisr.pictures.formats import duration_losses, durations_in


def frames(count=3, channels=3):
    """Frames of few colours, so that GIF keeps them."""
    pixels = np.zeros((count, 20, 26, channels), np.uint8)
    for i, frame in enumerate(pixels):
        frame[:, :, 0] = 40 * (np.arange(26) // 5)
        frame[4 + i : 12 + i, 3 * i : 9 + 3 * i, : min(3, channels)] = 255
        if channels in (2, 4):
            frame[..., -1] = 255
            frame[: 5 + i, :, -1] = 0
    return [Picture(frame) for frame in pixels]


@pytest.mark.parametrize("loop", [0, 1, 5])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_every_frame_and_its_timing_come_back(tmp_path, suffix, channels, loop):
    animation = Animation(frames(channels=channels), [40, 250, 1000], loop)
    write_animation(animation, tmp_path / f"a.{suffix}")
    result = read_animation(tmp_path / f"a.{suffix}")
    assert (result.durations, result.loop) == (animation.durations, loop)
    for before, after in zip(animation.frames, result.frames, strict=True):
        pixels = before.pixels
        if after.pixels.shape[2] > channels:
            pixels = pixels.repeat(3, axis=2)
        assert after.pixels.shape == pixels.shape
        visible = pixels[..., -1:] > 0 if channels == 4 else np.ones((20, 26, 1), bool)
        if channels == 4:
            np.testing.assert_array_equal(after.pixels[..., 3], pixels[..., 3])
        difference = np.abs(after.pixels.astype(int) - pixels) * visible
        assert difference.mean() <= (4 if suffix == "webp" else 0)


def test_frames_are_composed_as_they_are_seen(tmp_path):
    base = Image.new("RGB", (20, 10), "red")
    patch = Image.new("RGB", (20, 10), "red")
    patch.paste("blue", (5, 2, 9, 6))
    for suffix in ("gif", "png", "webp"):  # Files keep what differs from one frame to the next.
        base.save(tmp_path / f"a.{suffix}", save_all=True, append_images=[patch, base], duration=[20, 30, 40], loop=0)
        seen = read_animation(tmp_path / f"a.{suffix}").frames
        assert len(seen) == 3
        for frame, image in zip(seen, (base, patch, base), strict=True):
            assert np.abs(frame.pixels[..., :3].astype(int) - np.array(image)).mean() < 8


def test_the_default_picture_of_a_png_is_not_shown(tmp_path):
    red, blue, green = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "green"))
    red.save(tmp_path / "a.png", save_all=True, append_images=[blue, green], default_image=True, duration=[70, 80])
    animation = read_animation(tmp_path / "a.png")
    assert [tuple(frame.pixels[0, 0]) for frame in animation.frames] == [(0, 0, 255), (0, 128, 0)]
    assert animation.durations == [70, 80]
    assert animation.frames[0].metadata.left_out == ("the default image beside the animation",)


def test_a_picture_is_an_animation_of_one_frame(tmp_path):
    picture = frames(1)[0]
    write_animation(Animation([picture], [0]), tmp_path / "a.jpg")
    animation = read_animation(tmp_path / "a.jpg")
    assert len(animation.frames) == 1 and animation.loop == 1
    np.testing.assert_array_equal(animation.frames[0].pixels, read_picture(tmp_path / "a.jpg").pixels)


def test_animations_are_refused_where_they_would_lose_frames(tmp_path):
    animation = Animation(frames(), [10, 10, 10])
    for suffix in ("jpg", "tif", "bmp", "avif"):
        with pytest.raises(ValueError, match=r"a format for animations \(.gif, .webp, .png\)"):
            write_animation(animation, tmp_path / f"a.{suffix}")
    write_animation(animation, tmp_path / "a.gif")
    with pytest.raises(ValueError, match="it has 3 frames; they are read as an animation"):
        read_picture(tmp_path / "a.gif")
    with pytest.raises(ValueError, match="lifts the limit"):
        read_animation(tmp_path / "a.gif", max_pixels=3 * 20 * 26 - 1)
    assert len(read_animation(tmp_path / "a.gif", max_pixels=3 * 20 * 26).frames) == 3


def test_metadata_of_an_animation_is_kept(tmp_path, metadata):
    animation = Animation([Picture(frame.pixels, metadata) for frame in frames()], [10, 20, 30])
    for suffix in ("webp", "png"):
        write_animation(animation, tmp_path / f"a.{suffix}")
        kept = read_animation(tmp_path / f"a.{suffix}").frames[0].metadata
        assert (kept.exif, kept.icc_profile, kept.xmp) == (metadata.exif, metadata.icc_profile, metadata.xmp)
        write_animation(animation, tmp_path / f"a.{suffix}", strip_metadata=True)
        assert read_animation(tmp_path / f"a.{suffix}").frames[0].metadata == Picture(frames()[0].pixels).metadata


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_frames_that_are_alike_become_one_that_is_shown_as_long(tmp_path, suffix):
    black, white = frames(2)
    shown = [black, black, white, white, white, black]
    write_animation(Animation(shown, [20, 30, 40, 50, 60, 70], 2), tmp_path / f"a.{suffix}")
    animation = read_animation(tmp_path / f"a.{suffix}")
    assert (animation.durations, animation.loop) == ([50, 150, 70], 2)
    for frame, expected in zip(animation.frames, (black, white, black), strict=True):
        assert np.abs(frame.pixels.astype(int) - expected.pixels).mean() <= (4 if suffix == "webp" else 0)


def test_frames_of_a_gif_begin_when_they_did_up_to_half_a_step(tmp_path):
    durations = [15, 25, 33, 33, 33, 4, 0, 100]
    write_animation(Animation(frames(8), durations, 0), tmp_path / "a.gif")
    result = read_animation(tmp_path / "a.gif").durations
    assert result == durations_in("a.gif", durations) == [20, 20, 30, 40, 30, 10, 0, 100]
    assert np.abs(np.cumsum(result) - np.cumsum(durations)).max() <= 10
    assert durations_in("a.webp", durations) == durations_in("a.png", durations) == durations
    assert duration_losses("a.png", durations) == duration_losses("a.gif", [20, 0]) == ()
    assert duration_losses("a.gif", durations) == (
        "GIF holds durations of frames in steps of 10 ms: they were rounded",
    )
    assert duration_losses("a.png", [65_537]) == (
        "PNG holds durations of frames beyond 65 s in seconds: they were rounded",
    )


def test_fractions_of_milliseconds_do_not_add_up(tmp_path):
    images = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "green")]
    images[0].save(tmp_path / "a.png", save_all=True, append_images=images[1:], duration=[100 / 3] * 3)
    assert struct.pack(">HH", 1, 30) in (tmp_path / "a.png").read_bytes()
    assert read_animation(tmp_path / "a.png").durations == [33, 34, 33]


def test_frames_that_are_together_shown_for_too_long_are_refused(tmp_path):
    animation = Animation([*(2 * frames(1)), *frames(1, channels=4)], [655_350, 655_350, 10])
    with pytest.raises(ValueError, match=r"shown for more than 655350 ms, as several that are alike are together. Rec"):
        write_animation(animation, tmp_path / "a.gif")
    assert not list(tmp_path.iterdir())
