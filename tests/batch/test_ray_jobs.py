"""Pictures on a real cluster of this machine; tests/cli/test_upscale_on_ray.py has the command on several nodes."""

import importlib.util
import os
import shutil
import signal
import time

import numpy as np
import pytest
from deadly_plan import DeadlyPlan
from litert_files import write_litert
from ray_clusters import TESTS

from keras_lisr import zoo
from keras_lisr.batch import Plan, ShippedModel, connected, find_jobs, run_on_ray
from keras_lisr.pictures import PictureUpscaler, read_picture
from keras_lisr.runtime import LiteRTUpscaler

# Not imported here: Ray reads its settings when it is, and `connected` makes them.
pytestmark = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs keras_lisr[ray]")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "tiny.tflite"
    return str(write_litert(zoo.fsrcnn(2, num_filters=4, num_shrunk_filters=2, num_blocks=1), path))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A connection to a cluster of this machine alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS.parent), str(TESTS), os.environ.get("PYTHONPATH", "")]))
        patch.setenv("RAY_TMPDIR", "/tmp")  # Names of sockets are short.
        patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("copies")))
        with connected("local"):
            yield os.environ["TMPDIR"]


@pytest.fixture
def pictures(album):
    for i in range(9):
        shutil.copy(album / "a.png", album / f"p{i}.png")
    return album


def test_no_running_cluster_is_one_line(monkeypatch, tmp_path):
    # Here, so that no other process of the tests has a cluster meanwhile.
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    before = signal.getsignal(signal.SIGTERM)
    with (
        pytest.raises(OSError, match=r"Received: ray='auto' \(Could not find any running Ray instance"),
        connected("auto"),
    ):
        pass
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_lives_and_what_dies(cluster, pictures, model, tmp_path, capfd):
    """Two workers do all pictures but a broken one, and one that kills every worker, which is told as such."""
    shutil.copy(pictures / "a.png", pictures / "p4_deadly.png")
    (pictures / "p5.png").write_text("no picture")
    jobs = find_jobs([pictures], tmp_path / "out", recursive=True)
    notes = []
    tasks = list(run_on_ray(jobs, ShippedModel.of(model), DeadlyPlan(), workers=2, note=notes.append))
    assert sorted(task.job.source.name for task in tasks) == sorted(job.source.name for job in jobs)
    failed = {task.job.source.name: task.error for task in tasks if task.status != "written"}
    assert failed.keys() == {"p4_deadly.png", "p5.png"}
    assert failed["p4_deadly.png"].startswith("the worker died, 3 times, the last one because: ")
    assert len(notes) == 3 and all(note.startswith("a worker died") and "\n" not in note for note in notes)
    upscaler = PictureUpscaler(LiteRTUpscaler(model))
    written = [task.job for task in tasks if task.status == "written"]
    for job in written:
        np.testing.assert_array_equal(read_picture(job.target).pixels, upscaler(read_picture(job.source)).pixels)
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert sorted(files) == sorted(job.target for job in written)
    assert os.listdir(cluster) == []
    assert capfd.readouterr() == ("", "")


def test_a_closed_iterator_ends_the_workers(cluster, pictures, model, tmp_path):
    for path in pictures.glob("p*.png"):
        path.rename(path.with_stem(f"{path.stem}_slow"))
    jobs = find_jobs([pictures], tmp_path / "out")
    tasks = run_on_ray(jobs, ShippedModel.of(model), DeadlyPlan(), workers=1)
    assert next(tasks).status == "written"
    start = time.monotonic()
    tasks.close()
    assert time.monotonic() - start < 20
    written = sorted(os.listdir(tmp_path / "out"))
    assert 1 <= len(written) < len(jobs) and not [name for name in written if name.startswith(".")]
    assert os.listdir(cluster) == []


def test_what_no_worker_can_load_is_one_error(cluster, pictures, model, tmp_path):
    jobs = find_jobs([pictures], tmp_path / "out")
    shipped = ShippedModel.of(model)
    with pytest.raises(ValueError, match="`tile` must be a positive integer"):
        list(run_on_ray(jobs, shipped, Plan(tile=-1), workers=1))
    assert os.listdir(cluster) == []


def test_a_cluster_without_room_is_told(cluster, pictures, model, tmp_path, monkeypatch):
    from keras_lisr.batch import ray_jobs
    from keras_lisr.batch.cluster import Share

    monkeypatch.setattr(ray_jobs, "share_of", lambda *arguments, **options: Share(1, 1000))
    with pytest.raises(OSError, match=r"must have a node with 1000 free processors.* Received: none for 1 seconds"):
        list(run_on_ray(find_jobs([pictures], tmp_path / "out"), ShippedModel.of(model), Plan(), patience=1.0))


def test_nothing_to_do_is_done_at_once(cluster, model):
    assert list(run_on_ray([], ShippedModel.of(model), Plan())) == []
