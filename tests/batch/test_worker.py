import json
import re

import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import Base

from keras_lisr.batch import Job, Worker, run_jobs
from keras_lisr.batch.worker import bytes_held
from keras_lisr.pictures import Metadata, Picture, PictureUpscaler, Size, read_picture, write_picture
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


def test_an_animation_beyond_memory_says_what_it_takes(tmp_path, network):
    frames = [Image.fromarray(np.full((100, 100, 3), 40 * (i % 6), np.uint8)) for i in range(100)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], duration=40)
    job = Job(tmp_path / "a.webp", tmp_path / "out.webp")
    error = Worker(PictureUpscaler(network, memory=resident_size() + 30 * 2**20))(job).error
    needed = re.search(r"`memory` must be at least (\d+) MiB here for an animation of 100 frames of 100 x 100", error)
    assert Worker(PictureUpscaler(network, memory=(int(needed[1]) + 8) * 2**20))(job).error == ""


@pytest.mark.parametrize(
    ("source", "target", "what"), [("a.bmp", "out.png", "that is BMP"), ("a.png", "out.webp", "that becomes WEBP")]
)
def test_what_does_not_go_in_strips_says_what_it_takes(tmp_path, network, source, target, what):
    noise = np.random.default_rng(0).integers(0, 256, (600, 500, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / source)
    job = Job(tmp_path / source, tmp_path / target)
    error = Worker(PictureUpscaler(network, memory=resident_size() + 20 * 2**20))(job).error
    needed = re.search(rf"`memory` must be at least (\d+) MiB here for a picture of 500 x 600 pixels {what} \(", error)
    assert Worker(PictureUpscaler(network, memory=(int(needed[1]) + 16) * 2**20))(job).error == ""


def test_timing_that_a_gif_cannot_keep_is_told_or_refused_before_it_is_computed(tmp_path, upscaler):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    job = Job(tmp_path / "a.webp", tmp_path / "a.gif")
    for durations in ([15, 20], [20, 700_000]):
        frames[0].save(job.source, save_all=True, append_images=frames[1:], duration=durations)
        task = Worker(upscaler).read(job)
        if durations == [15, 20]:
            assert "GIF holds durations of frames in steps of 10 ms: they were rounded" in task.notes
    assert task.status == "failed" and "shown for 700000 ms" in task.error


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


def test_what_an_encoder_takes_counts(tmp_path, network):
    Image.new("RGB", (600, 450)).save(tmp_path / "in.png")
    upscaler = PictureUpscaler(network, size=Size(scale=8), memory=resident_size() + 300 * 2**20)
    easy, *hard = (
        Worker(upscaler)(Job(tmp_path / "in.png", tmp_path / f"out.{suffix}"))
        for suffix in ("bmp", "gif", "webp", "avif")
    )
    assert not easy.error
    for task, name in zip(hard, ("GIF", "WEBP", "AVIF"), strict=True):
        assert re.match(rf"`memory` must be .* for a picture of 600 x 450 pixels that becomes {name} \(in", task.error)
    assert bytes_held(easy) < min(map(bytes_held, hard))


def needed_memory(upscaler, picture):
    """The bound, in bytes, that an upscaler asks for."""
    with pytest.raises(ValueError, match="must be at least") as refused:
        PictureUpscaler(upscaler.network, memory=1)(picture)
    return int(re.search(r"at least (\d+) MiB", str(refused.value))[1]) * 2**20


@pytest.mark.parametrize("run", [lambda jobs, worker: [worker(job) for job in jobs], run_jobs], ids=["one", "many"])
def test_a_small_picture_may_have_all_the_memory(tmp_path, network, run):
    """Less is left of the bound beside two others than it takes; what is lost is told once."""
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    picture = Picture(noise, Metadata(xmp=b"<x/>" * 20_000))
    jobs = [Job(tmp_path / f"{i}.tif", tmp_path / f"{i}.jpg") for i in range(3)]
    for job in jobs:
        write_picture(picture, job.source)
    upscaler = PictureUpscaler(network)
    upscaler(picture)
    memory = needed_memory(upscaler, picture) + 40 * 2**20
    worker = Worker(PictureUpscaler(network, memory=memory))
    with pytest.raises(ValueError, match="must be at least"):
        worker._shared_upscaler(picture)
    for task in run(jobs, worker):
        assert (task.status, task.error) == ("written", "")
        assert len(task.notes) == len(set(task.notes)) == 1
        assert read_picture(task.job.target).pixels.shape == (40 * network.scale, 40 * network.scale, 3)


def test_headers_of_gifs_are_bounded_with_the_memory(tmp_path, network):
    Image.new("P", (6000, 6000)).save(tmp_path / "in.gif")
    job = Job(tmp_path / "in.gif", tmp_path / "out.png")
    task = Worker(PictureUpscaler(network, memory=2**30)).examine(job)
    assert "must be a picture of at most 33.5544 megapixels, as a GIF within that `memory`." in task.error
    assert "--max-pixels" not in task.error
    assert Worker(PictureUpscaler(network, memory=2**31)).examine(job).header.width == 6000


def test_a_picture_beyond_memory_goes_in_strips(tmp_path, network):
    noise = np.random.default_rng(0).integers(0, 256, (2000, 2000, 3), dtype=np.uint8)
    write_picture(Picture(noise), tmp_path / "in.tif")
    job, strips = Job(tmp_path / "in.tif", tmp_path / "whole.tif"), Job(tmp_path / "in.tif", tmp_path / "strips.tif")
    assert Worker(PictureUpscaler(network))(job).error == ""
    upscaler = PictureUpscaler(network, memory=resident_size() + 250 * 2**20)
    assert not upscaler.need_of(2000, 2000).fits
    task = Worker(upscaler)(strips)
    assert (task.status, task.error) == ("written", "")
    difference = read_picture(strips.target).pixels.astype(int) - read_picture(job.target).pixels
    assert np.abs(difference).max() <= 1


def test_what_strips_cannot_keep_is_told(tmp_path, network):
    xmp = b"<x/>" * 20_000
    noise = np.random.default_rng(0).integers(0, 256, (2000, 2000, 3), dtype=np.uint8)
    write_picture(Picture(noise, Metadata(xmp=xmp)), tmp_path / "in.tif")
    upscaler = PictureUpscaler(network, memory=resident_size() + 250 * 2**20)
    job = Job(tmp_path / "in.tif", tmp_path / "out.jpg")
    assert [note for note in Worker(upscaler)(job).notes if "bytes of XMP" in note]
    assert not Worker(upscaler, strip_metadata=True)(job).notes


def test_unexpected_errors_are_the_pictures_own(job, network):
    class Broken(PictureUpscaler):
        def __call__(self, picture, progress=None):
            raise RuntimeError("of TensorFlow\n" + "in its graph " * 100)

    task = Worker(Broken(network))(job)
    assert task.status == "failed" and len(task.error) <= 300
    assert re.match(r"RuntimeError: of TensorFlow in its graph .* \.\.\.$", task.error)


@pytest.mark.parametrize(
    ("source", "target", "options", "error"),
    [
        ("a.gif", "out.jpg", {}, "must have a format for animations"),
        ("a.tif", "out.tif", {}, "it has 2 pages"),
        ("a.png", "out.png", {"max_pixels": 199}, "--max-pixels 200 lifts the limit"),
        ("a.png", "out.jpg", {"quality": 101}, "`quality` must be from 1 to 100"),
    ],
)
def test_what_the_header_tells_is_refused_by_it(tmp_path, upscaler, source, target, options, error):
    first, second = (Image.new("RGB", (20, 10), color) for color in ("red", "blue"))
    first.save(tmp_path / "a.png")
    for name in ("a.gif", "a.tif"):
        first.save(tmp_path / name, save_all=True, append_images=[second])
    task = Worker(upscaler, **options).examine(Job(tmp_path / source, tmp_path / target))
    assert task.status == "failed" and error in task.error


def test_transparency_is_refused_before_it_is_computed_and_dropped_where_it_hides_nothing(tmp_path, upscaler):
    for name, alpha in (("hides", 100), ("opaque", 255)):
        Image.new("RGBA", (20, 10), (1, 2, 3, alpha)).save(tmp_path / f"{name}.png")
    task = Worker(upscaler).read(Job(tmp_path / "hides.png", tmp_path / "hides.jpg"))
    assert task.status == "failed" and "must have a format for transparency" in task.error
    job = Job(tmp_path / "opaque.png", tmp_path / "opaque.jpg")
    assert Worker(upscaler)(job).status == "written"
    whole = read_picture(job.target).pixels
    upscaler.upscale_file(job.source, job.target)
    assert whole.shape == read_picture(job.target).pixels.shape == (20, 40, 3)


def test_quality_is_for_formats_that_have_one(album, tmp_path, upscaler):
    worker = Worker(upscaler, quality=20)
    for suffix in (".png", ".tif", ".jpg"):
        assert worker(Job(album / "a.png", tmp_path / f"out{suffix}")).error == ""


def test_losses_are_noted(tmp_path, upscaler):
    deep = np.random.default_rng(0).integers(0, 65536, (10, 20, 3), dtype=np.uint16)
    write_picture(Picture(deep, Metadata(xmp=b"<x/>" * 20_000)), tmp_path / "a.png")
    task = Worker(upscaler)(Job(tmp_path / "a.png", tmp_path / "a.jpg"))
    assert task.status == "written"
    assert [note.split(":")[0] for note in task.notes] == [
        "JPEG holds 8 bits per channel",
        "JPEG holds 65504 bytes of XMP",
    ]
    assert Worker(upscaler)(Job(tmp_path / "a.png", tmp_path / "b.png")).notes == ()
    assert len(Worker(upscaler, strip_metadata=True)(Job(tmp_path / "a.png", tmp_path / "a.jpg")).notes) == 1
