import itertools
import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from keras_lisr.batch import Worker, find_jobs, run_jobs
from keras_lisr.batch.forecast import forecast, pixels_to_compute
from keras_lisr.pictures import PictureUpscaler, Size


def test_a_forecast_is_near_what_happens(tmp_path, upscaler):
    (tmp_path / "in").mkdir()
    for i, side in enumerate((150, 200, 260)):
        noise = np.random.default_rng(i).integers(0, 256, (side, side, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / "in" / f"{i}.png")
    jobs = find_jobs([tmp_path / "in"], tmp_path / "out")
    worker = Worker(upscaler)
    found = forecast(jobs, worker)
    assert not (tmp_path / "out").exists()
    assert [task.target_size for task in found.tasks] == [(300, 300), (400, 400), (520, 520)]
    assert found.seconds > 0
    list(run_jobs(jobs, worker))
    assert found.disk == pytest.approx(sum(job.target.stat().st_size for job in jobs), rel=0.1)


def test_what_fails_or_is_there_takes_nothing(album, tmp_path, upscaler):
    jobs = find_jobs([album], tmp_path / "out", recursive=True)
    jobs[0].source.write_text("no picture")
    jobs[1].target.parent.mkdir()
    jobs[1].target.touch()
    found = forecast(jobs, Worker(upscaler, skip_existing=True))
    assert [task.status for task in found.tasks] == ["failed", "skipped", ""]
    assert jobs[0].source.name in found.tasks[0].error
    jobs[2].source.unlink()
    found = forecast(jobs, Worker(upscaler, skip_existing=True))
    assert (found.seconds, found.disk) == (0, 0)
    json.dumps([task.record() for task in found.tasks])


def test_passes_and_transparency_are_counted(tmp_path, network):
    Image.new("RGBA", (20, 10)).save(tmp_path / "a.png")
    (job,) = find_jobs([tmp_path / "a.png"], tmp_path / "out.png")
    for size, alpha, runs in (
        (Size(), "network", 2),
        (Size(), "bicubic", 1),
        (Size(scale=3), "bicubic", 1 + 4),
        (Size(scale=1), "network", 0),
    ):
        upscaler = PictureUpscaler(network, size=size, alpha=alpha)
        worker = Worker(upscaler)
        assert pixels_to_compute(worker.examine(job), worker) == runs * 200


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(128, 128), (128, 1)])
@pytest.mark.parametrize("tile", [None, 5])
def test_a_picture_like_the_sample_takes_its_time(tmp_path, network, monkeypatch, mode, size, tile):
    monkeypatch.setattr(network, "tile", tile)
    clock = SimpleNamespace(monotonic=itertools.count(0, 7).__next__)
    monkeypatch.setattr("keras_lisr.batch.forecast.time", clock)
    Image.new(mode, size).save(tmp_path / "a.png")
    jobs = find_jobs([tmp_path / "a.png"], tmp_path / "out.png")
    assert forecast(jobs, Worker(PictureUpscaler(network))).seconds == pytest.approx(7)


def test_pixels_around_tiles_are_counted(tmp_path, network, monkeypatch):
    Image.new("RGB", (2000, 1500)).save(tmp_path / "a.png")
    (job,) = find_jobs([tmp_path / "a.png"], tmp_path / "out.png")
    counts = []
    for tile in (network.halo, 4 * network.halo, 2000):
        monkeypatch.setattr(network, "tile", tile)
        worker = Worker(PictureUpscaler(network))
        counts.append(pixels_to_compute(worker.examine(job), worker) / (2000 * 1500))
    assert 4 < counts[0] <= 9.5 and counts[0] > 2 * counts[1] and counts[1] > counts[2] and counts[2] < 1.05
