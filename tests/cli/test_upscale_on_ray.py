"""`keras-lisr upscale --ray` on a cluster of two real nodes on this machine, of which workers and nodes are killed."""

import importlib.util
import json
import os
import signal
import tempfile
import time

import numpy as np
import pytest
from command_line import run_in_own_process, start
from PIL import Image
from ray_clusters import kill, ray_cluster, raylets, wait_until, workers_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs keras_lisr[ray]"),
]
COUNT = 200
SAME = ("--engine", "litert")  # Chosen for each run, by how much there is to do.


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Folder with 200 small pictures, and one with their results from a single process."""
    folder = tmp_path_factory.mktemp("many")
    random = np.random.default_rng(0)
    (folder / "in").mkdir()
    for i in range(COUNT):
        pixels = random.integers(0, 256, (36 + i % 7, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "in" / f"{i:03}.png")
    done = run_in_own_process("upscale", *SAME, folder / "in", "-o", folder / "alone")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def cluster():
    with tempfile.TemporaryDirectory() as folder, ray_cluster(2, folder) as cluster:
        cluster.copies = folder
        yield cluster


@pytest.fixture
def started(many, cluster, tmp_path):
    """The command at work, after 40 pictures, with the times of those."""
    out, log = tmp_path / "out", tmp_path / "log.jsonl"
    process = start("upscale", *SAME, many / "in", "-o", out, "--ray", cluster.address, "--workers", 2, "--json", log)
    wait_until(lambda: process.poll() is not None or len(list(out.glob("[0-9]*.png"))) >= 40)
    assert process.poll() is None, process.communicate()
    yield process, out, log, times(out)
    process.kill()


def times(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("[0-9]*.png")}


def check_all(many, out, log, before):
    """Every result is there, once, equal to that of a single process, and what was there was left alone."""
    assert sorted(times(out)) == [f"{i:03}.png" for i in range(COUNT)]
    for i in range(COUNT):
        assert (out / f"{i:03}.png").read_bytes() == (many / "alone" / f"{i:03}.png").read_bytes()
    after = times(out)
    assert {name: after[name] for name in before} == before
    *records, summary = map(json.loads, log.read_text().splitlines())
    assert sorted(record["target"] for record in records) == [str(out / f"{i:03}.png") for i in range(COUNT)]
    assert summary["written"] + summary["skipped"] == COUNT and summary["skipped"] <= 2


@pytest.mark.parametrize("victim", ["process", "node"])
def test_what_is_killed_loses_and_repeats_nothing(many, cluster, started, victim):
    process, out, log, before = started
    node = raylets(cluster)[1]
    at_work = wait_until(lambda: workers_of(node))
    for killed in at_work if victim == "process" else [node, *at_work]:
        kill(killed)
    printed, errors = process.communicate(timeout=300)
    assert (process.returncode, errors) == (0, "")
    assert printed.splitlines()[-1].startswith(f"{COUNT} pictures in ")
    assert printed.count("\n") == COUNT + 1
    check_all(many, out, log, before)


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_is_gone_on_with(many, cluster, started, number, exit_code):
    process, out, log, _ = started
    began = time.monotonic()
    process.send_signal(number)
    _, errors = process.communicate(timeout=100)
    assert (process.returncode, errors) == (exit_code, "\nkeras-lisr: interrupted\n")
    assert time.monotonic() - began < 30
    wait_until(lambda: not sum(map(workers_of, raylets(cluster)), []))
    written = times(out)
    assert 40 <= len(written) < COUNT and sorted(os.listdir(out)) == sorted(written)
    assert os.listdir(cluster.copies) == []

    log.unlink()
    command = ["upscale", *SAME, many / "in", "-o", out, "--ray", cluster.address, "--workers", 2, "--json", log]
    done = run_in_own_process(*command, "--skip-existing")
    assert done.returncode == 0, done.stderr
    assert f"{COUNT - len(written)} written, {len(written)} skipped" in done.stdout.decode()
    for i in range(COUNT):
        assert (out / f"{i:03}.png").read_bytes() == (many / "alone" / f"{i:03}.png").read_bytes()
    assert {name: times(out)[name] for name in written} == written
