import json

import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import Base

from keras_lisr.batch import Job, Worker
from keras_lisr.pictures import Picture, PictureUpscaler, read_picture, write_picture
from keras_lisr.pictures.read import read_animation
from keras_lisr.runtime.memory import resident_size


@pytest.fixture
def job(album, tmp_path):
    return Job(album / "a.png", tmp_path / "new" / "folder" / "a.png")


def test_a_job_is_done_from_file_to_file(job, upscaler):
    task = Worker(upscaler)(job)
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
        "target_height": 48,
        "target_width": 60,
        "error": None,
        "notes": [],
    }


def test_an_existing_target_is_left_alone_if_asked(job, upscaler):
    job.target.parent.mkdir(parents=True)
    job.target.write_text("mine")
    assert Worker(upscaler, skip_existing=True)(job).status == "skipped"
    assert job.target.read_text() == "mine"
    assert Worker(upscaler)(job).status == "written"
    assert job.target.read_text(errors="ignore") != "mine"


def test_options_reach_the_files(album, tmp_path, upscaler):
    exif = Image.Exif()
    exif[Base.Make] = "maker"
    with Image.open(album / "a.png") as image:
        image.save(album / "a.jpg", exif=exif)
    sizes = {}
    for quality in (20, 95):
        job = Job(album / "a.jpg", tmp_path / f"{quality}.jpg")
        assert Worker(upscaler, quality=quality)(job).status == "written"
        sizes[quality] = job.target.stat().st_size
        assert b"maker" in read_picture(job.target).metadata.exif
    assert sizes[20] < sizes[95]
    Worker(upscaler, strip_metadata=True)(job)
    assert not read_picture(job.target).metadata.exif


def test_a_picture_with_too_many_pixels_is_refused(job, upscaler):
    task = Worker(upscaler, max_pixels=24 * 30 - 1)(job)
    assert task.status == "failed"
    assert "max" in task.error
    assert Worker(upscaler, max_pixels=24 * 30)(job).status == "written"


def test_what_a_format_cannot_hold_is_told_before_it_is_computed(tmp_path, upscaler):
    Image.new("RGB", (8200, 2)).save(tmp_path / "wide.png")
    task = Worker(upscaler).read(Job(tmp_path / "wide.png", tmp_path / "wide.webp"))
    assert (task.status, task.picture) == ("failed", None)
    assert "WEBP ends at 16383 a side" in task.error


def test_every_frame_of_an_animation_is_upscaled(tmp_path, upscaler):
    random = np.random.default_rng(0)
    frames = [Image.fromarray(random.integers(0, 256, (16, 20, 3), dtype=np.uint8)) for _ in range(3)]
    source = tmp_path / "a.png"
    frames[0].save(source, save_all=True, append_images=frames[1:], duration=[100, 250, 40], loop=3)
    task = Worker(upscaler)(Job(source, tmp_path / "out.png"))
    assert (task.status, task.error) == ("written", "")
    before, after = read_animation(source), read_animation(tmp_path / "out.png")
    assert after.durations == before.durations == [100, 250, 40]
    assert after.loop == before.loop
    for small, large in zip(before.frames, after.frames, strict=True):
        np.testing.assert_array_equal(large.pixels, upscaler(small).pixels)
    task = Worker(upscaler)(Job(source, tmp_path / "out.jpg"))
    assert task.status == "failed"
    assert not (tmp_path / "out.jpg").exists()


def test_a_large_picture_is_alone(tmp_path, network, monkeypatch):
    Image.new("RGB", (400, 300)).save(tmp_path / "in.png")
    job = Job(tmp_path / "in.png", tmp_path / "out.png")
    monkeypatch.setattr("keras_lisr.batch.worker.SHARED_MEMORY", 400 * 300 * 8 * 5 - 1)
    worker = Worker(PictureUpscaler(network))
    task = worker.read(job)
    assert task.is_alone and task.picture is None
    worker.compute(task)
    assert (task.status, task.picture) == ("written", None)
    np.testing.assert_array_equal(read_picture(job.target).pixels, network(np.zeros((300, 400, 3), np.uint8)))


def test_a_picture_beyond_memory_goes_in_strips(tmp_path, network):
    noise = np.random.default_rng(0).integers(0, 256, (2000, 2000, 3), dtype=np.uint8)
    write_picture(Picture(noise), tmp_path / "in.tif")
    job, strips = Job(tmp_path / "in.tif", tmp_path / "whole.tif"), Job(tmp_path / "in.tif", tmp_path / "strips.tif")
    assert Worker(PictureUpscaler(network))(job).error == ""
    upscaler = PictureUpscaler(network, memory=resident_size() + 250 * 2**20)
    assert not upscaler.fits(2000, 2000)
    task = Worker(upscaler)(strips)
    assert (task.status, task.error) == ("written", "")
    difference = read_picture(strips.target).pixels.astype(int) - read_picture(job.target).pixels
    assert np.abs(difference).max() <= 1


def test_unexpected_errors_are_the_pictures_own(job, network):
    class Broken(PictureUpscaler):
        def __call__(self, picture, progress=None):
            raise RuntimeError("of TensorFlow")

    task = Worker(Broken(network))(job)
    assert (task.status, task.error) == ("failed", "RuntimeError: of TensorFlow")
