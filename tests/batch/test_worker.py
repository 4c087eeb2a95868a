import json
import os
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
import pyvips
from litert_files import write_litert
from PIL import Image
from PIL.ExifTags import Base

from keras_lisr import zoo
from keras_lisr.batch import Job, Plan, Worker, find_jobs, run_jobs
from keras_lisr.batch.storage import fetch, find_existing, put
from keras_lisr.exported import ExportedUpscaler
from keras_lisr.pictures import Metadata, Picture, PictureUpscaler, read_animation, read_picture, write_picture


@pytest.fixture
def job(album, tmp_path):
    return Job(album / "a.png", tmp_path / "new" / "folder" / "a.png")


def test_a_job_is_done_from_file_to_file(job, network):
    task = Worker(network)(job)
    assert (task.status, task.error, task.picture) == ("written", "", None)
    assert task.target_size == read_picture(job.target).pixels.shape[:2] == (48, 60)
    record = json.loads(json.dumps(task.record()))
    assert record.pop("seconds") >= 0
    assert record == {
        "source": str(job.source),
        "target": str(job.target),
        "status": "written",
        "height": 24,
        "width": 30,
        "frames": 1,
        "target_height": 48,
        "target_width": 60,
        "error": None,
        "notes": [],
    }


def test_16_bits_that_a_file_does_not_take_are_known_beforehand(job, tmp_path):
    write_picture(Picture(np.zeros((9, 9, 3), np.uint16)), job.source)
    network = zoo.fsrcnn(2, num_filters=4, num_shrunk_filters=2, num_blocks=1)
    worker = Worker(ExportedUpscaler(write_litert(network, tmp_path / "int8.tflite", io="int8")))
    task = worker.examine(job)
    assert task.status == "failed" and task.error == worker(job).error != ""


def test_an_existing_target_is_left_alone_unless_asked(job, network):
    job.target.parent.mkdir(parents=True)
    job.target.write_text("mine")
    assert Worker(network)(job).status == "skipped"
    assert job.target.read_text() == "mine"
    assert Worker(network, Plan(overwrite=True))(job).status == "written"
    assert job.target.read_text(errors="ignore") != "mine"


def test_options_reach_the_files(album, tmp_path, network):
    exif = Image.Exif()
    exif[Base.Make] = "maker"
    with Image.open(album / "a.png") as image:
        image.save(album / "a.jpg", exif=exif)
    sizes = {}
    for quality in (20, 95):
        job = Job(album / "a.jpg", tmp_path / f"{quality}.jpg")
        assert Worker(network, Plan(quality=quality))(job).status == "written"
        sizes[quality] = job.target.stat().st_size
        assert "exif-ifd0-Make" in read_picture(job.target).metadata.fields
    assert sizes[20] < sizes[95]
    Worker(network, Plan(strip_metadata=True, overwrite=True))(job)
    assert "exif-data" not in read_picture(job.target).metadata.fields


@pytest.mark.parametrize("is_large", [False, True])
@pytest.mark.parametrize("suffix", ["webp", "gif"])
def test_every_frame_of_an_animation_is_upscaled(tmp_path, upscaler, network, monkeypatch, suffix, is_large):
    colours = ("red", "green", "blue")
    frames = [Image.new("RGB", (20, 16), colour) for colour in colours]
    job = Job(tmp_path / f"a.{suffix}", tmp_path / f"out.{suffix}")
    frames[0].save(job.source, save_all=True, append_images=frames[1:], duration=[100, 250, 40], loop=3)
    if is_large:
        monkeypatch.setattr("keras_lisr.pictures.upscale.MOST_PIXELS", 1000)
    seen = []
    (task,) = run_jobs([job], Worker(network), lambda _, done, total: seen.append((done, total)))
    assert (task.status, task.error, task.is_alone) == ("written", "", is_large)
    assert task.record()["frames"] == 3 and seen == sorted(seen) and seen[-1][0] == seen[-1][1]
    before, after = read_animation(job.source), read_animation(job.target)
    assert (after.durations, after.loop) == (before.durations, before.loop) == ([100, 250, 40], before.loop)
    for small, large in zip(before.frames, after.frames, strict=True):
        assert large.pixels.shape[:2] == (32, 40)
        assert np.abs(large.pixels.astype(int) - upscaler(small).pixels).mean() < 10


@pytest.mark.parametrize("suffix", ["tif", "webp", "jpg"])
def test_a_large_picture_goes_in_strips(tmp_path, network, monkeypatch, suffix):
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    write_picture(Picture(noise, Metadata({"png-comment-0-Title": "a"})), tmp_path / "in.png")
    jobs = [Job(tmp_path / "in.png", tmp_path / f"{name}.{suffix}") for name in ("whole", "strips")]
    assert Worker(network)(jobs[0]).error == ""
    monkeypatch.setattr("keras_lisr.pictures.upscale.MOST_PIXELS", 1000)
    task = Worker(network)(jobs[1])
    assert (task.status, task.error, task.is_alone) == ("written", "", True)
    assert jobs[0].target.read_bytes() == jobs[1].target.read_bytes()


def test_unexpected_errors_are_the_pictures_own(job, network):
    class Broken(PictureUpscaler):
        def __call__(self, picture, progress=None):
            raise RuntimeError("of TensorFlow\n" + "in its graph " * 100)

    worker = Worker(network)
    worker.upscaler = Broken(network)
    task = worker(job)
    assert task.status == "failed" and len(task.error) <= 300
    assert re.match(r"RuntimeError: of TensorFlow in its graph .* \.\.\.$", task.error)


@pytest.mark.parametrize(
    ("source", "target", "options", "error"),
    [
        ("a.gif", "out.jpg", {}, "animations"),
        ("a.tif", "out.tif", {}, "pages"),
        ("a.png", "out.png", {"max_pixels": 199}, "--max-pixels"),
        ("a.png", "out.jpg", {"quality": 101}, "`quality`"),
    ],
)
def test_what_the_header_tells_is_refused_by_it(tmp_path, source, target, options, error, network):
    first, second = (Image.new("RGB", (20, 10), color) for color in ("red", "blue"))
    first.save(tmp_path / "a.png")
    for name in ("a.gif", "a.tif"):
        first.save(tmp_path / name, save_all=True, append_images=[second])
    task = Worker(network, Plan(**options)).examine(Job(tmp_path / source, tmp_path / target))
    assert task.status == "failed" and error in task.error


def test_what_a_file_holds_besides_is_told(tmp_path, network):
    large = pyvips.Image.black(300, 300, bands=3).copy(interpretation="srgb")
    large.tiffsave(str(tmp_path / "a.tif"), pyramid=True, tile=True)
    task = Worker(network).examine(Job(tmp_path / "a.tif", tmp_path / "out.png"))
    assert task.header[:2] == (300, 300) and any("smaller copies" in note for note in task.notes)


def test_transparency_is_refused_before_it_is_computed_and_dropped_where_it_hides_nothing(tmp_path, upscaler, network):
    for name, alpha in (("hides", 100), ("opaque", 255)):
        Image.new("RGBA", (20, 10), (1, 2, 3, alpha)).save(tmp_path / f"{name}.png")
    task = Worker(network).read(Job(tmp_path / "hides.png", tmp_path / "hides.jpg"))
    assert task.status == "failed" and "transparency" in task.error
    job = Job(tmp_path / "opaque.png", tmp_path / "opaque.jpg")
    assert Worker(network)(job).status == "written"
    whole = read_picture(job.target).pixels
    upscaler.upscale_file(job.source, job.target)
    assert whole.shape == read_picture(job.target).pixels.shape == (20, 40, 3)


def test_quality_is_for_formats_that_have_one(album, tmp_path, network):
    worker = Worker(network, Plan(quality=20))
    for suffix in (".png", ".tif", ".jpg"):
        assert worker(Job(album / "a.png", tmp_path / f"out{suffix}")).error == ""


@pytest.fixture
def copies(tmp_path, monkeypatch):
    """The folder for temporary files."""
    (tmp_path / "copies").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "copies"))
    return tmp_path / "copies"


@pytest.fixture
def stored(album, memory_storage, copies):
    """The pictures of the album in storage; no copy is left when a test has ended."""
    for file in album.rglob("*.png"):
        put(file, memory_storage / "album" / file.relative_to(album).as_posix())
    yield memory_storage / "album"
    assert os.listdir(copies) == []


def content(file, tmp_path):
    if isinstance(file, Path):
        return file.read_bytes()
    fetch(file, tmp_path / "fetched")
    return (tmp_path / "fetched").read_bytes()


def test_results_in_storage_are_those_of_local_files(album, stored, memory_storage, tmp_path, network):
    here = find_jobs([album], tmp_path / "out", recursive=True)
    assert [task.status for task in run_jobs(here, Worker(network))] == ["written"] * 3
    for source, target in (
        (stored, memory_storage / "large"),
        (album, memory_storage / "from_here"),
        (stored, tmp_path / "to_here"),
    ):
        jobs, seen = find_jobs([source], target, recursive=True), []
        tasks = list(run_jobs(jobs, Worker(network), lambda job, *tiles, seen=seen: seen.append(job)))
        assert [(task.job, task.status, task.error) for task in tasks] == [(job, "written", "") for job in jobs]
        assert list(dict.fromkeys(seen)) == jobs
        for job, expected in zip(jobs, here, strict=True):
            assert content(job.target, tmp_path) == expected.target.read_bytes()


def test_errors_name_the_urls(stored, memory_storage, copies, tmp_path, network):
    (tmp_path / "text").write_text("no picture")
    put(tmp_path / "text", stored / "b.png")
    jobs = [Job(stored / name, memory_storage / "large" / name) for name in ("a.png", "b.png", "missing.png")]
    tasks = list(run_jobs(jobs, Worker(network)))
    assert [task.status for task in tasks] == ["written", "failed", "failed"]
    assert all(task.job.source in task.error and str(copies) not in task.error for task in tasks[1:])
    assert find_existing(job.target for job in jobs) == {jobs[0].target}


def test_an_interrupted_worker_puts_nothing(stored, memory_storage, network):
    def interrupt(job, done, total):
        raise KeyboardInterrupt

    jobs = find_jobs([stored], memory_storage / "large", recursive=True)
    with pytest.raises(KeyboardInterrupt):
        list(run_jobs(jobs, Worker(network), interrupt))
    assert not find_existing(job.target for job in jobs)
