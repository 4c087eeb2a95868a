import os
from collections import Counter

import fsspec
import pytest

from keras_lisr.batch import Job, Url, find_jobs
from keras_lisr.batch.jobs import check_free, describe_unused
from keras_lisr.batch.storage import put
from keras_lisr.pictures import kinds


@pytest.fixture
def album(tmp_path):
    """Folder with pictures, by name, in two levels, and what is to be left out."""
    folder = tmp_path / "album"
    (folder / "2024" / "Spätsommer").mkdir(parents=True)
    (folder / ".thumbnails").mkdir()
    for name in ("b.jpg", "a.PNG", "2024/c.tif", "2024/Spätsommer/über\nall.webp"):
        (folder / name).touch()
    for name in ("notes.txt", ".hidden.png", ".thumbnails/a.png", ".partial_0.png", "archive.png.zip"):
        (folder / name).touch()
    return folder


def names(jobs, sources, targets):
    return [(str(job.source.relative_to(sources)), str(job.target.relative_to(targets))) for job in jobs]


def test_a_folder_is_searched_by_name_without_those_within(album, tmp_path):
    jobs = find_jobs([album], tmp_path / "out")
    assert names(jobs, album, tmp_path / "out") == [("a.PNG", "a.png"), ("b.jpg", "b.png")]


def test_the_tree_is_kept(album, tmp_path):
    out = tmp_path / "out"
    assert names(find_jobs([album], out, recursive=True, suffix="_x4", ext="auto"), album, out) == [
        ("2024/Spätsommer/über\nall.webp", "2024/Spätsommer/über\nall_x4.webp"),
        ("2024/c.tif", "2024/c_x4.tif"),
        ("a.PNG", "a_x4.PNG"),
        ("b.jpg", "b_x4.jpg"),
    ]
    assert not out.exists()  # Nothing is made by looking.


def test_what_is_not_tried_is_counted_by_kind(album, tmp_path, monkeypatch):
    monkeypatch.setattr(kinds, "decodes", lambda kind: kind == "HEIC")
    for name in ("IMG_1.HEIC", "IMG_2.jxl", "c.jpe", "readme"):
        (album / name).touch()
    (album / "linked").symlink_to(tmp_path)
    (tmp_path / "empty").mkdir()
    jobs = find_jobs([album, tmp_path / "empty", album / "b.jpg"], tmp_path / "out")
    assert [job.source.name for job in jobs] == ["IMG_1.HEIC", "a.PNG", "b.jpg", "c.jpe"]
    expected = {".jxl": 1, ".txt": 1, ".zip": 1, "without an extension": 1, "hidden": 3, "folders": 2}
    assert jobs.unused == {**expected, "empty folders": 1, "given twice": 1}
    inside = find_jobs([album], album / "out", recursive=True)
    assert inside.unused == {**expected, "folders": 1}
    for job in inside:
        job.target.parent.mkdir(parents=True, exist_ok=True)
        job.target.touch()
    assert find_jobs([album], album / "out", recursive=True).unused == {**expected, "folders": 1, "results": 6}
    beside = find_jobs([album / "2024"], suffix="_x4")
    beside[0].target.touch()
    assert find_jobs([album / "2024"], suffix="_x4").unused == {"folders": 1, "results": 1}


def test_many_kinds_take_one_line():
    unused = Counter({f".{i:03}": 1 for i in range(30)}) + Counter({".HEIC": 2})
    told = describe_unused(unused)
    assert told.startswith("32 files not tried: .HEIC 2, ") and told.endswith(", others 21")
    assert describe_unused(Counter()) == ""


def test_several_inputs_keep_their_order(album, tmp_path):
    jobs = find_jobs([album / "b.jpg", album / "2024", album / "a.PNG", album / "b.jpg"], tmp_path)
    assert [job.target.name for job in jobs] == ["b.png", "c.png", "a.png"]


def test_results_lie_beside_their_sources_by_default(album):
    assert find_jobs([album / "b.jpg"], suffix="_x4") == [Job(album / "b.jpg", album / "b_x4.png")]
    jobs = find_jobs([album], recursive=True, suffix="_x4")
    assert album / "2024" / "c_x4.png" in [job.target for job in jobs]


def test_a_single_picture_goes_into_a_file_or_a_folder(album, tmp_path):
    picture = album / "b.jpg"
    assert find_jobs([picture], tmp_path / "large.png") == [Job(picture, tmp_path / "large.png")]
    assert find_jobs([picture], tmp_path) == [Job(picture, tmp_path / "b.png")]
    assert find_jobs([picture], f"{tmp_path}/new/") == [Job(picture, tmp_path / "new" / "b.png")]
    # Whatever is found in a folder is not a single picture.
    (album / "a.PNG").unlink()
    assert find_jobs([album], tmp_path / "large.png") == [Job(picture, tmp_path / "large.png" / "b.png")]


def test_results_of_an_earlier_run_are_not_pictures(album):
    before = find_jobs([album], album, suffix="_x4")
    for job in before:
        job.target.touch()
    assert find_jobs([album], album, suffix="_x4") == before
    (album / "a_x4_x4.png").touch()
    assert find_jobs([album], album, suffix="_x4") == before


def test_links_to_files_are_pictures_and_linked_folders_are_left_out(album, tmp_path):
    (album / "2024" / "loop").symlink_to(album)
    (album / "link.png").symlink_to(album / "b.jpg")
    (album / "broken.png").symlink_to(tmp_path / "missing.png")
    jobs = find_jobs([album], tmp_path / "out", recursive=True)
    assert [job.target.name for job in jobs] == ["über\nall.png", "c.png", "a.png", "b.png", "broken.png", "link.png"]


def test_suffixes_are_parts_of_names(album, tmp_path):
    for suffix in ("/../../b", "/b", "\0"):
        with pytest.raises(ValueError, match="`suffix`"):
            find_jobs([album], tmp_path / "new", suffix=suffix)


def test_two_pictures_for_one_result_are_refused(album, tmp_path):
    (album / "b.png").touch()
    with pytest.raises(ValueError, match=r"b\.jpg' and .*b\.png'"):
        find_jobs([album], tmp_path / "out")
    assert len(find_jobs([album], tmp_path / "out", ext="auto")) == 3
    with pytest.raises(ValueError, match="names"):
        find_jobs([album / "b.png", album / "b.jpg"], tmp_path / "out", ext="tif")


def test_no_picture_is_replaced_by_a_result(album, tmp_path):
    picture = album / "b.jpg"
    with pytest.raises(ValueError, match="OUT"):
        find_jobs([album], album, ext="auto")
    (album / "link.jpg").symlink_to(picture)
    for output in (picture, album / "link.jpg"):
        with pytest.raises(ValueError, match=r"OUT .*b\.jpg"):
            find_jobs([picture], output)
    (album / "b_x4.png").touch()
    with pytest.raises(ValueError, match=r"OUT .*b_x4\.png"):
        find_jobs([picture, album / "b_x4.png"], suffix="_x4")


def test_what_is_not_there_is_refused(album, tmp_path):
    (tmp_path / "empty").mkdir()
    for inputs, message in (
        ([album, tmp_path / "missing.png"], r"IN .*missing\.png"),
        ([tmp_path / "empty"], "IN .*empty"),
        ([], "IN "),
    ):
        with pytest.raises(ValueError, match=message):
            find_jobs(inputs, tmp_path / "out")
    with pytest.raises(ValueError, match="`ext`"):
        find_jobs([album], tmp_path / "out", ext="doc")
    with pytest.raises(OSError, match="OUT"):
        find_jobs([album], album / "b.jpg")


def test_existing_results_are_told(album, tmp_path):
    jobs = find_jobs([album], tmp_path)
    check_free(jobs)
    jobs[1].target.touch()
    with pytest.raises(ValueError, match=r"OUT .*b\.png'$"):
        check_free(jobs)
    jobs[0].target.symlink_to("nowhere")
    with pytest.raises(ValueError, match=r"a\.png'$"):
        check_free(jobs)


@pytest.fixture
def bucket(memory_storage, tmp_path):
    """A storage with pictures, by name, in two levels, and what is to be left out."""
    (tmp_path / "empty").touch()
    for name in ("b.jpg", "a 100%.PNG", "2024/ä.tif", "notes.txt", ".hidden.png", ".thumbnails/a.png", "2024/.x/a.png"):
        put(tmp_path / "empty", memory_storage / "bucket" / name)
    return memory_storage / "bucket"


def test_storage_is_searched_as_folders_are(bucket, memory_storage):
    out = memory_storage / "large"
    assert find_jobs([bucket], out) == [
        Job(bucket / "a 100%.PNG", out / "a 100%.png"),
        Job(bucket / "b.jpg", out / "b.png"),
    ]
    assert find_jobs([bucket], out).unused == {".txt": 1, "hidden": 2, "folders": 1}
    assert find_jobs([bucket], out, recursive=True, suffix="_x4", ext="auto")[0] == Job(
        bucket / "2024/ä.tif", out / "2024/ä_x4.tif"
    )
    assert find_jobs([bucket / "b.jpg"], suffix="_x4") == [Job(bucket / "b.jpg", bucket / "b_x4.png")]


def test_storage_and_folders_mix(bucket, memory_storage, album, tmp_path):
    assert find_jobs([bucket / "2024/ä.tif"], tmp_path) == [Job(bucket / "2024/ä.tif", tmp_path / "ä.png")]
    assert find_jobs([bucket / "b.jpg"], memory_storage / "c.png") == [Job(bucket / "b.jpg", memory_storage / "c.png")]
    assert find_jobs([bucket / "b.jpg"], Url("memory://new/"))[0].target == "memory://new/b.png"
    jobs = find_jobs([album, f"file://{album}/2024", bucket / "2024"], memory_storage / "out")
    assert [job.target for job in jobs] == [
        memory_storage / "out" / name for name in ("a.png", "b.png", "c.png", "ä.png")
    ]


def test_results_in_storage_are_not_pictures(bucket, tmp_path):
    for output, suffix in ((bucket, "_x4"), (bucket / "large", "")):
        before = find_jobs([bucket], output, recursive=True, suffix=suffix)
        for job in before:
            put(tmp_path / "empty", job.target)
        assert find_jobs([bucket], output, recursive=True, suffix=suffix) == before
        with pytest.raises(ValueError, match="OUT"):
            check_free(before)
        for job in before:
            fsspec.filesystem("memory").rm(job.target)
    with pytest.raises(ValueError, match="OUT"):
        find_jobs([bucket / "b.jpg"], bucket / "b.jpg")
    with pytest.raises(ValueError, match="OUT"):
        find_jobs([bucket], bucket, ext="auto")


def test_what_storage_cannot_take_is_refused(bucket, memory_storage, tmp_path):
    with pytest.raises(ValueError, match=r"IN .*missing\.png"):
        find_jobs([bucket / "missing.png"], tmp_path)
    for hidden in (bucket / "2024/.x", bucket / ".thumbnails"):
        assert len(find_jobs([hidden], tmp_path)) == 1  # It was named.
    with pytest.raises(ValueError, match="`path`"):
        find_jobs([bucket / "b.jpg"], bucket / "b.doc")
    with pytest.raises(OSError, match="OUT"):
        find_jobs([bucket], bucket / "b.jpg")
    put(tmp_path / "empty", bucket / "b.png")
    with pytest.raises(ValueError, match="names"):
        find_jobs([bucket], memory_storage / "out")


def test_a_folder_that_cannot_be_read_is_refused(album, tmp_path, monkeypatch):
    scandir = os.scandir

    def refuse(folder):
        if os.path.basename(folder) == "Spätsommer":
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    assert len(find_jobs([album], tmp_path / "out")) == 2
    with pytest.raises(OSError, match="Spätsommer"):
        find_jobs([album], tmp_path / "out", recursive=True)
