"""Pictures on a real cluster of this machine; tests/cli/test_upscale_on_ray.py has the command on several nodes."""

import importlib.util
import os
import shutil
import signal
import time
from functools import partial

import numpy as np
import pytest
from deadly_plan import DeadlyPlan
from litert_files import write_litert
from ray_clusters import TESTS

from keras_lisr import zoo
from keras_lisr.batch import Plan, connect, find_jobs, run_on_ray
from keras_lisr.batch.ray_jobs import Setup, choose_needs, make_environment, read_model
from keras_lisr.exported import ExportedUpscaler
from keras_lisr.pictures import PictureUpscaler, read_picture
from keras_lisr.zoo.storage import save_preset

# Not imported here: Ray reads its settings when it is, and `connect` makes them.
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
        with connect("local"):
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
        pytest.raises(OSError, match="`ray`.*'auto'"),
        connect("auto"),
    ):
        pass
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_lives_and_what_dies(cluster, pictures, model, tmp_path, capfd):
    """All pictures are done but a broken one, and one that kills every process, which is told as such."""
    shutil.copy(pictures / "a.png", pictures / "p4_deadly.png")
    (pictures / "p5.png").write_text("no picture")
    jobs = find_jobs([pictures], tmp_path / "out", recursive=True)
    tasks = list(run_on_ray(jobs, model, DeadlyPlan(), workers=2))
    assert sorted(task.job.source.name for task in tasks) == sorted(job.source.name for job in jobs)
    failed = {task.job.source.name: task.error for task in tasks if task.status != "written"}
    assert failed.keys() == {"p4_deadly.png", "p5.png"}
    assert "died" in failed["p4_deadly.png"] and not any("\n" in error for error in failed.values())
    upscaler = PictureUpscaler(ExportedUpscaler(model))
    written = [task.job for task in tasks if task.status == "written"]
    for job in written:
        np.testing.assert_array_equal(read_picture(job.target).pixels, upscaler(read_picture(job.source)).pixels)
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert sorted(files) == sorted(job.target for job in written)
    assert capfd.readouterr() == ("", "")


def test_a_closed_iterator_ends_the_work(cluster, pictures, model, tmp_path):
    for path in pictures.glob("p*.png"):
        path.rename(path.with_stem(f"{path.stem}_slow"))
    jobs = find_jobs([pictures], tmp_path / "out")
    tasks = run_on_ray(jobs, model, DeadlyPlan(), workers=1)
    assert next(tasks).status == "written"
    others = set(os.listdir(cluster))  # Of processes that were killed.
    start = time.monotonic()
    tasks.close()
    assert time.monotonic() - start < 20
    written = sorted(os.listdir(tmp_path / "out"))
    assert 1 <= len(written) < len(jobs) and not [name for name in written if name.startswith(".")]
    assert len(set(os.listdir(cluster)) - others) == 0


def test_what_cannot_be_loaded_is_one_error(cluster, pictures, model, tmp_path):
    jobs = find_jobs([pictures], tmp_path / "out")
    with pytest.raises(ValueError, match="`tile`"):
        list(run_on_ray(jobs, model, Plan(tile=-1), workers=1))


def test_a_cluster_without_room_is_told(cluster, pictures, model, tmp_path, monkeypatch):
    monkeypatch.setattr("keras_lisr.batch.ray_jobs.choose_needs", lambda *arguments, **options: {"CPU": 1000})
    monkeypatch.setattr("keras_lisr.batch.ray_jobs.FAREWELL", 0.1)
    with pytest.raises(OSError, match="1000 processors"):
        list(run_on_ray(find_jobs([pictures], tmp_path / "out"), model, Plan(), patience=1.0))


def test_nothing_to_do_is_done_at_once(cluster, model):
    assert list(run_on_ray([], model, Plan())) == []


def test_a_result_that_is_there_is_done_again_only_if_it_may_be_replaced(album, model, tmp_path):
    """It may be that of a process that died when it had written it."""
    (job,) = find_jobs([album / "a.png"], tmp_path / "out.png")
    job.target.write_text("whole")
    setup = Setup(read_model(model), Plan(), 1, {})
    assert setup.make_worker()(job).status == "skipped" and job.target.read_text() == "whole"
    setup = Setup(read_model(model), Plan(overwrite=True), 1, {})
    assert setup.make_worker()(job).status == "written" and read_picture(job.target).pixels.shape == (48, 60, 3)


@pytest.mark.parametrize("name", ["tiny.keras", "tiny.npz", "tiny.tflite", "imdn_x2"])
def test_a_model_computes_the_same_elsewhere(tmp_path, name):
    network, path = zoo.fsrcnn(2, num_filters=4, num_shrunk_filters=2, num_blocks=1), tmp_path / name
    {".keras": network.save, ".npz": partial(save_preset, network), ".tflite": partial(write_litert, network)}.get(
        path.suffix, str
    )(path)
    model, plan = str(path) if path.suffix else name, Plan(precision="float32", engine="auto")
    picture = np.random.default_rng(0).integers(0, 256, (12, 14, 3), dtype=np.uint8)
    expected = plan.load(model)(picture)
    files = read_model(model)
    path.unlink(missing_ok=True)
    elsewhere = Setup(files, plan, 1, {}).make_worker().upscaler.network
    assert np.abs(elsewhere(picture).astype(int) - expected).max() <= 1


def test_models_that_cannot_be_sent_are_refused_here(model, tmp_path):
    shutil.copy(model, tmp_path / "alone.tflite")
    with pytest.raises(OSError, match="alone.tflite.json"):
        read_model(str(tmp_path / "alone.tflite"))
    with pytest.raises(ValueError, match="`model`"):
        read_model("missing.keras")


@pytest.mark.parametrize(
    ("nodes", "workers", "needs"),
    [
        ([{"CPU": 64.0}, {}], None, {"CPU": 2}),
        ([{"CPU": 1.0}, {"CPU": 1.0}], None, {"CPU": 1}),
        ([{"CPU": 8.0}] * 3, 2, {"CPU": 8}),
        ([{"CPU": 3.0}, {"CPU": 5.0}], 3, {"CPU": 2}),
        ([{"CPU": 2.0}], 5, {"CPU": 1}),  # More may come.
        ([], None, {"CPU": 1}),
        ([{"CPU": 8.0}, {"CPU": 16.0, "GPU": 4.0}], None, {"CPU": 1, "GPU": 1}),
    ],
)
def test_tasks_share_what_there_is(nodes, workers, needs):
    assert choose_needs(nodes, workers, uses_gpus=True) == needs
    assert "GPU" not in choose_needs(nodes, workers, uses_gpus=False)


def test_other_processes_compute_as_this_one_would(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    environment = make_environment(3)
    assert (environment["KERAS_BACKEND"], environment["TF_ENABLE_ONEDNN_OPTS"]) == ("jax", "1")
    assert environment["OMP_NUM_THREADS"] == "3"
