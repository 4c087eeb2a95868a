import os
from pathlib import Path

import numpy as np
import pytest
from picture_files import upscaled

from keras_lisr.batch import Job, StoredWorker, Worker, find_jobs, run_jobs
from keras_lisr.batch.storage import existing, fetch, put
from keras_lisr.batch.stored_worker import mark_of
from keras_lisr.pictures import PictureUpscaler, read_picture
from keras_lisr.whole_files import PARTIAL


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "copies").mkdir()
    return tmp_path / "copies"


@pytest.fixture
def stored_album(album, memory_storage):
    """The pictures of the album in storage."""
    for file in album.rglob("*.png"):
        put(file, memory_storage / "album" / file.relative_to(album).as_posix())
    return memory_storage / "album"


def content(url, tmp_path):
    fetch(url, tmp_path / "fetched")
    return (tmp_path / "fetched").read_bytes()


def test_results_in_storage_are_those_of_local_files(album, stored_album, memory_storage, folder, tmp_path, upscaler):
    here = find_jobs([album], tmp_path / "out", recursive=True)
    assert [task.status for task in run_jobs(here, Worker(upscaler))] == ["written"] * 3
    for inputs, output in (
        (stored_album, memory_storage / "large"),
        (album, memory_storage / "from_here"),
        (stored_album, tmp_path / "to_here"),
    ):
        jobs = find_jobs([inputs], output, recursive=True)
        told = {}
        tasks = list(
            run_jobs(jobs, StoredWorker(upscaler, folder), lambda job, *tiles, told=told: told.setdefault(job, tiles))
        )
        assert [(task.job, task.status, task.error) for task in tasks] == [(job, "written", "") for job in jobs]
        assert list(told) == jobs
        for job, expected in zip(jobs, here, strict=True):
            written = job.target.read_bytes() if isinstance(job.target, Path) else content(job.target, tmp_path)
            assert written == expected.target.read_bytes()
        assert os.listdir(folder) == []


def test_errors_name_the_urls(stored_album, memory_storage, folder, upscaler, tmp_path):
    (tmp_path / "text").write_text("no picture")
    put(tmp_path / "text", stored_album / "b.png")
    large = memory_storage / "large"
    jobs = [Job(stored_album / name, large / name) for name in ("a.png", "b.png", "missing.png")]
    tasks = list(run_jobs(jobs, StoredWorker(upscaler, folder)))
    assert [(task.job, task.status) for task in tasks] == list(zip(jobs, ["written", "failed", "failed"], strict=True))
    for task in tasks[1:]:
        assert task.job.source in task.error and str(folder) not in task.error
    assert existing(job.target for job in jobs) == {jobs[0].target}
    assert os.listdir(folder) == []


def test_what_cannot_be_put_fails(stored_album, memory_storage, folder, upscaler, monkeypatch):
    def refuse(*arguments):
        raise PermissionError(13, "Access denied")

    monkeypatch.setattr("keras_lisr.batch.storage.move", refuse)
    task = StoredWorker(upscaler, folder)(Job(stored_album / "a.png", memory_storage / "large" / "a.png"))
    assert task.status == "failed" and "(Access denied)" in task.error and "\n" not in task.error
    assert os.listdir(folder) == []


def test_a_large_picture_is_put_too(album, stored_album, memory_storage, folder, network, monkeypatch, tmp_path):
    monkeypatch.setattr("keras_lisr.pictures.upscale.MOST_PIXELS", 1)
    job = Job(stored_album / "a.png", memory_storage / "large.png")
    (task,) = run_jobs([job], StoredWorker(PictureUpscaler(network), folder))
    assert (task.status, task.is_alone, task.job) == ("written", True, job)
    content(job.target, tmp_path)
    expected = upscaled(network, read_picture(album / "a.png").pixels)
    np.testing.assert_array_equal(read_picture(tmp_path / "fetched").pixels, expected)
    assert os.listdir(folder) == []


def test_existing_targets_are_skipped_if_asked(stored_album, memory_storage, folder, upscaler, tmp_path):
    job = Job(stored_album / "a.png", memory_storage / "large.png")
    (tmp_path / "mine").write_text("mine")
    put(tmp_path / "mine", job.target)
    assert StoredWorker(upscaler, folder, skip_existing=True)(job).status == "skipped"
    assert content(job.target, tmp_path) == b"mine"
    assert StoredWorker(upscaler, folder)(job).status == "written"
    assert content(job.target, tmp_path) != b"mine"


@pytest.mark.parametrize("is_local", [True, False])
def test_what_a_dead_worker_finished_is_kept_and_its_leftovers_are_removed(
    stored_album, memory_storage, folder, upscaler, tmp_path, is_local
):
    """In a run that replaces nothing, what is there when a picture is done again is its result."""
    out = tmp_path / "out" if is_local else memory_storage / "out"
    job = Job(stored_album / "a.png", out / "a.png")
    (tmp_path / "mine").write_text("whole")
    (tmp_path / "out").mkdir()
    names = [f"{PARTIAL[:-1]}{mark_of(run, job)}01.png" for run in ("this", "other")]
    for name in (*names, "a.png"):
        put(tmp_path / "mine", out / name)
    worker = StoredWorker(upscaler, folder, run="this")
    worker.redoing = True
    (task,) = run_jobs([job], worker)
    assert (task.job, task.status, task.target_size) == (job, "written", (48, 60))
    assert existing(out / name for name in (*names, "a.png")) == {out / names[1], out / "a.png"}
    fetched = (out / "a.png").read_bytes() if is_local else content(job.target, tmp_path)
    assert fetched == b"whole"
    assert os.listdir(folder) == []

    worker = StoredWorker(upscaler, folder, run="this", replaces=True)
    worker.redoing = True
    assert worker(job).status == "written"
    assert ((out / "a.png").read_bytes() if is_local else content(job.target, tmp_path)) != b"whole"


def test_a_stopped_worker_puts_nothing(stored_album, memory_storage, folder, upscaler):
    def interrupt(job, done, total):
        raise KeyboardInterrupt

    jobs = find_jobs([stored_album], memory_storage / "large", recursive=True)
    with pytest.raises(KeyboardInterrupt):
        list(run_jobs(jobs, StoredWorker(upscaler, folder), interrupt))
    assert not existing(job.target for job in jobs)


def test_names_of_255_bytes_take_nothing_more(album, memory_storage, folder, upscaler):
    name = "ä" * 125 + ".png"
    put(album / "a.png", memory_storage / name)
    job = Job(memory_storage / name, memory_storage / "large" / name)
    assert StoredWorker(upscaler, folder)(job).error == ""
