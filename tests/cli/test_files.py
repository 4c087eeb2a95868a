from pathlib import Path

import pytest

from keras_lisr.cli.files import check_targets


def test_what_cannot_be_written_is_refused_before_anything_is_computed(tmp_path):
    check_targets(tmp_path / "a", None, tmp_path / "b")
    for path in (tmp_path, tmp_path / "missing" / "a", Path("/dev/null")):
        with pytest.raises(ValueError, match="`path`"):
            check_targets(path)
    (tmp_path / "link").symlink_to("a")
    with pytest.raises(ValueError, match="/a, .*/link"):
        check_targets(tmp_path / "a", tmp_path / "link")


def test_what_is_read_is_not_written(tmp_path):
    (tmp_path / "a").touch()
    (tmp_path / "link").symlink_to("a")
    check_targets(tmp_path / "b", None, inputs=["imdn_x4", tmp_path / "a"])
    for path in ("a", "link"):
        with pytest.raises(ValueError, match=f"{path}'"):
            check_targets(tmp_path / path, inputs=["imdn_x4", tmp_path / "a"])
