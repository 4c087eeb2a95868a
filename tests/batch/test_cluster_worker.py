import os
import subprocess
import sys
import tempfile
import threading

import pytest
from litert_files import write_litert

from keras_lisr import zoo
from keras_lisr.batch import Plan, ShippedModel, find_jobs
from keras_lisr.batch.cluster_worker import ClusterWorker, bounded, environment_here, make_folder, remove_folders_of


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "tiny.tflite"
    write_litert(zoo.fsrcnn(2, num_filters=4, num_shrunk_filters=2, num_blocks=1), path)
    return ShippedModel.of(str(path))


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    """Where workers make their folders; the environment is restored afterwards."""
    for name in bounded(1):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return tmp_path / "tmp"


def test_a_worker_does_one_batch_after_the_other(album, model, folders, tmp_path):
    worker = ClusterWorker()
    assert worker.load(model, Plan(), 2, "run", {"KERAS_LISR_TEST": "1"}) == ""
    assert os.environ.pop("KERAS_LISR_TEST") == "1" and os.environ["OMP_NUM_THREADS"] == "2"
    jobs = find_jobs([album], tmp_path / "out", recursive=True)
    for batch, redoing in ((jobs[:2], False), (jobs[2:], False), (jobs[:1], True)):
        told = [worker.begin(batch, redoing)]
        while told[-1]:
            told.append(worker.next())
        assert [(task.job, task.status) for task in told[:-1]] == [(job, "written") for job in batch]
    assert all(job.target.exists() for job in jobs)
    worker.close()
    assert os.listdir(folders) == []


def test_a_stopped_worker_begins_nothing_more(album, model, tmp_path):
    worker = ClusterWorker()
    worker.load(model, Plan(), 1, "run", {})
    worker.stop()
    assert worker.begin(find_jobs([album], tmp_path / "out", recursive=True), False) is None
    assert not list(tmp_path.glob("out/*.png"))
    worker.close()


def test_a_worker_that_is_closed_while_it_starts_leaves_nothing(model, folders):
    worker = ClusterWorker()
    worker.close()
    assert worker.load(model, Plan(), 1, "run", {}) == "the work was ended"
    assert os.listdir(folders) == []


def test_what_cannot_be_loaded_is_one_line(model, folders):
    broken = ShippedModel(model.name, {"tiny.tflite": b""}, model.checksums)
    error = ClusterWorker().load(broken, Plan(), 1, "run", {})
    assert error.startswith("tiny.tflite must arrive with SHA-256") and "\n" not in error
    assert "must be a positive integer" in ClusterWorker().load(model, Plan(tile=-1), 1, "run", {})
    assert os.listdir(folders) == []


@pytest.mark.skipif(os.name != "posix", reason="elsewhere, processes cannot be asked whether they are there")
def test_folders_of_dead_workers_are_removed_and_others_kept(folders):
    command = [sys.executable, "-c", make_folder_in(folders)]
    dead = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    other = folders / "keras-lisr-other.host-1-abc"
    other.mkdir()
    assert os.path.isdir(dead)
    mine = make_folder("run")
    assert sorted(folders.iterdir()) == sorted([mine, other])
    another = make_folder("run")
    assert sorted(folders.iterdir()) == sorted([mine, another, other])


@pytest.mark.skipif(os.name != "posix", reason="elsewhere, processes cannot be asked whether they are there")
def test_what_dies_slowly_is_waited_for(folders):
    command = [sys.executable, "-c", make_folder_in(folders) + "\nimport time; time.sleep(600)"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as dying:
        mine, folder = make_folder("another run"), dying.stdout.readline().strip()
        remove_folders_of("run", patience=0)
        assert os.path.isdir(folder)  # It lives.
        death = threading.Timer(0.5, lambda: (dying.kill(), dying.wait()))
        death.start()
        remove_folders_of("run", patience=60)
        death.join()
    assert list(folders.iterdir()) == [mine]


def make_folder_in(folders):
    """What a process executes to have a folder there, whose path it prints."""
    script = f"import tempfile; tempfile.tempdir = {str(folders)!r}\n"
    return script + "from keras_lisr.batch.cluster_worker import make_folder; print(make_folder('run'), flush=True)"


def test_workers_compute_as_this_process_would(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    assert environment_here() == {"KERAS_BACKEND": "jax", "TF_ENABLE_ONEDNN_OPTS": "1"}
