import os
import stat
from fcntl import F_GETFL, fcntl

import pytest

from keras_lisr.basics.whole_files import PARTIAL, write_whole


def test_a_file_is_written_under_another_name_first(tmp_path):
    file = tmp_path / "a.txt"
    with write_whole(file) as partial:
        partial.write_text("new")
        assert not file.exists()
        assert list(tmp_path.glob(PARTIAL)) == [partial] and partial.suffix == ".txt"
    assert file.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_what_a_link_points_to_is_replaced(tmp_path):
    (tmp_path / "target.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("target.txt")
    with write_whole(tmp_path / "link.txt") as partial:
        partial.write_text("new")
    assert (tmp_path / "link.txt").is_symlink() and (tmp_path / "target.txt").read_text() == "new"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), ValueError("mine")])
def test_what_fails_leaves_what_was_there(tmp_path, error):
    file = tmp_path / "a.txt"
    file.write_text("old")
    with pytest.raises(type(error)) as raised, write_whole(file) as partial:
        partial.write_text("half")
        raise error
    assert file.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]
    if isinstance(error, OSError):
        assert str(raised.value) == (
            f"`path` could not be written. Received: path={str(file)!r} (No space left on device)"
        )


def test_what_is_synced_may_be_written_but_for_folders(tmp_path, monkeypatch):
    """Windows syncs nothing else."""
    modes, sync = [], os.fsync

    def fsync(descriptor):
        modes.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), fcntl(descriptor, F_GETFL) & os.O_ACCMODE))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with write_whole(tmp_path / "a.txt") as partial:
        partial.write_text("new")
    assert modes == [(False, os.O_RDWR), (True, os.O_RDONLY)]


def test_a_folder_that_is_not_there_is_told(tmp_path):
    missing = pytest.raises(OSError, match="`path`.*a.txt'")
    with missing, write_whole(tmp_path / "gone" / "a.txt") as partial:
        partial.write_text("new")
