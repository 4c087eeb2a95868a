import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from keras_lisr.export import calibration
from keras_lisr.export.calibration import calibration_patches, cut_patches, hold_out, read_pictures


def pictures(*shapes):
    random = np.random.default_rng(0)
    return [random.integers(50, 200, (*shape, 3), dtype=np.uint8) for shape in shapes]


def test_patches_are_the_same_every_time_and_reach_from_black_to_white():
    sources = pictures((70, 90), (64, 64))
    patches = calibration_patches(sources, (32, 48), count=5)
    assert [patch.shape for patch in patches] == [(32, 48, 3)] * 6
    assert {patch.dtype for patch in patches} == {np.dtype(np.float32)}
    for patch, again in zip(patches, calibration_patches(sources, (32, 48), count=5), strict=True):
        np.testing.assert_array_equal(patch, again)
    assert (patches[-1].min(), patches[-1].max()) == (0, 1)
    assert all(50 / 255 <= patch.min() < patch.max() < 200 / 255 for patch in patches[:-1])


def test_patches_lie_in_the_pictures():
    (source,) = pictures((40, 50))
    windows = np.lib.stride_tricks.sliding_window_view(source, (8, 8), axis=(0, 1)).transpose(0, 1, 3, 4, 2)
    places = [np.argwhere((windows == patch).all((2, 3, 4))) for patch in cut_patches([source], (8, 8), 20)]
    assert [len(place) for place in places] == [1] * 20
    assert len({tuple(place[0]) for place in places}) > 10


def test_every_picture_has_its_turn():
    sources = [np.full((10, 10, 3), value, np.uint8) for value in range(20)]
    values = [int(patch[0, 0, 0]) for patch in cut_patches(sources, (4, 4), 40)]
    assert sorted(values[:20]) == list(range(20)) and values[:20] == values[20:]
    assert len(set(map(int, (patch[0, 0, 0] for patch in cut_patches(sources, (4, 4), 5))))) == 5
    assert values != [int(patch[0, 0, 0]) for patch in cut_patches(sources, (4, 4), 40, seed=1)]


def test_small_pictures_are_continued_by_their_mirror_images():
    (source,) = pictures((3, 5))
    patch = cut_patches([source], (7, 5), 1)[0]
    np.testing.assert_array_equal(patch, np.concatenate([source, source[::-1], source[:1]]))


def test_one_broken_picture_is_skipped_and_named(tmp_path):
    for i, source in enumerate(pictures((20, 20), (30, 30), (24, 16))):
        Image.fromarray(source).save(tmp_path / f"{i}.png")
    (tmp_path / "0.png").write_bytes(b"")
    read, unread = read_pictures(tmp_path)
    assert sorted(picture.shape for picture in read) == [(24, 16, 3), (30, 30, 3)]
    assert list(unread) == ["0.png"] and "must be a readable 8-bit image" in unread["0.png"]
    assert len(read_pictures(tmp_path, count=1)[0]) == 1
    for file in tmp_path.iterdir():
        file.write_bytes(b"")
    with pytest.raises(ValueError, match="`representative`.*must be a readable 8-bit image"):
        read_pictures(str(tmp_path))


def test_of_many_pictures_parts_are_kept(monkeypatch):
    monkeypatch.setattr(calibration, "MOST_PIXELS", 4 * 8 * 8)
    assert {picture.shape for picture in read_pictures(pictures(*[(20, 30)] * 4), count=4)[0]} == {(8, 8, 3)}
    assert {picture.shape for picture in read_pictures(pictures((20, 12)), count=1)[0]} == {(16, 12, 3)}


@given(st.integers(1, 40), st.integers(1, 40))
def test_what_a_file_is_judged_by_is_not_calibrated_on(height, width):
    source = np.arange(height * width * 3).reshape(height, width, 3)
    (kept,), (held_out,) = hold_out([source])
    assert kept.size and held_out.size
    if source[..., 0].size > 1:
        assert not set(kept.flat) & set(held_out.flat)
        assert set(kept.flat) | set(held_out.flat) == set(source.flat)


@pytest.mark.parametrize(
    "sources", [[], [np.zeros((8, 8, 3), np.float32)], [np.zeros((8, 8), np.uint8)], [np.zeros((0, 8, 3), np.uint8)]]
)
def test_what_is_no_picture_is_refused(sources):
    with pytest.raises(ValueError, match="`representative`"):
        read_pictures(sources)
