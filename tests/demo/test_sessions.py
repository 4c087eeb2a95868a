import numpy as np
import pytest
from PIL import Image

from keras_lisr.demo.models import Models
from keras_lisr.demo.sessions import CancelledError, Sessions, visible
from keras_lisr.pictures import Picture, PictureUpscaler, read_picture


@pytest.fixture
def sessions(presets, tmp_path):
    return Sessions(Models("tiny_x2"), tmp_path, max_pixels=600)


def upscale(sessions, upload, model="tiny_x2", progress=lambda done, total: None):
    sessions.begin("me")
    return sessions.upscale("me", upload and str(upload), model, progress)


def test_a_picture_is_upscaled_and_enlarged_beside(sessions, picture):
    steps = []
    result = upscale(sessions, picture, progress=lambda *step: steps.append(step))
    assert steps == [(0, 1), (1, 1)]
    assert result.summary.startswith("60 x 40 pixels by tiny_x2 in ")
    assert result.network.name == "in_x2.png" and result.network.is_relative_to(sessions.folder)
    expected = PictureUpscaler(sessions.models.upscaler("tiny_x2"))(read_picture(picture))
    np.testing.assert_array_equal(read_picture(result.network).pixels, expected.pixels)
    enlarged = Image.open(picture).resize((60, 40), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(np.array(Image.open(result.bicubic)), np.array(enlarged))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_picture_can_be_looked_at(mode, dtype):
    channels = len(mode)
    most = np.iinfo(dtype).max
    pixels = np.linspace(0, most, 6 * 4 * channels).astype(dtype).reshape(6, 4, channels)
    view = visible(Picture(pixels))
    assert view.mode == mode and view.size == (4, 6)
    assert np.abs(np.array(view).reshape(pixels.shape) / 255 - pixels / most).max() < 0.5 / 255 + 1e-9


def bad(folder):
    (folder / "text.png").write_text("no picture")
    (folder / "empty.png").touch()
    Image.new("RGB", (31, 20)).save(folder / "large.png")
    return [
        (None, "picture"),
        (folder / "text.png", "text.png'"),
        (folder / "empty.png", "empty.png'"),
        (folder / "large.png", "`keras-lisr upscale`"),
        (folder / "missing.png", "missing.png'"),
    ]


def test_bad_uploads_are_one_line_without_their_folder(sessions, tmp_path):
    for path, message in bad(tmp_path):
        with pytest.raises(ValueError) as caught:
            upscale(sessions, path)
        assert message in str(caught.value)
        assert str(tmp_path) not in str(caught.value) and "\n" not in str(caught.value)
    assert not list(tmp_path.glob("*/*"))


def test_files_that_were_not_uploaded_are_refused(sessions, own, tmp_path):
    (tmp_path / "link.png").symlink_to(own)
    for path in (own, "/etc/passwd", tmp_path / ".." / "x.png", tmp_path / "link.png", "http://127.0.0.1/x.png"):
        with pytest.raises(ValueError, match="uploaded"):
            upscale(sessions, path)


def test_other_models_are_refused(sessions, picture, own):
    with pytest.raises(ValueError, match="`model`"):
        upscale(sessions, picture, model=str(own))


def set_tile(sessions, tile=4):
    sessions.models.upscaler("tiny_x2").tile = tile


def test_cancelling_stops_between_two_tiles(sessions, picture):
    set_tile(sessions)
    steps = []

    def progress(done, total):
        steps.append((done, total))
        if done == 1:
            sessions.cancel("me")

    with pytest.raises(CancelledError, match=" 2 of "):
        upscale(sessions, picture, progress=progress)
    assert len(steps) == 2 and steps[0][1] > 3
    assert [path.name for path in sessions.folder.iterdir()] == ["in.png"]


def test_what_waits_can_be_cancelled(sessions, picture):
    sessions.begin("me")
    sessions.cancel("me")
    with pytest.raises(CancelledError):
        sessions.upscale("me", str(picture), "tiny_x2", lambda done, total: None)
    assert upscale(sessions, picture).summary  # Only that one was.


def test_others_are_not_cancelled(sessions, picture):
    sessions.begin("you")
    sessions.cancel("you")
    sessions.cancel("nobody")
    assert upscale(sessions, picture).summary
