"""A folder of damaged files, upscaled by the command: each fails in one line or is done, and the rest goes on."""

import json
import os
import random
import sys

import keras
import pytest
from command_line import run_and_measure
from hostile_files import mutate, samples

from keras_lisr import zoo
from keras_lisr.pictures.read import picture_size

MEMORY = 1000
EARLY, ANYWHERE = ("byte", "bit", "number"), ("byte", "bit", "number", "missing", "twice", "end")


def damage(seed, content):
    """A file with one to three changes, half of them near its beginning."""
    choice = random.Random(seed)
    edits = []
    for _ in range(choice.randint(1, 3)):
        kinds, part = choice.choice([(EARLY, 0.3), (ANYWHERE, 1)])
        edits.append((choice.choice(kinds), part * choice.random(), choice.randrange(2**16)))
    return mutate(content, edits)


@pytest.mark.skipif(sys.platform != "linux", reason="the largest resident size is read from /proc")
@pytest.mark.parametrize("count", [4, pytest.param(100, marks=pytest.mark.slow)])
def test_a_folder_of_damaged_files(tmp_path, count):
    """So many of each kind beside the whole one."""
    keras.utils.set_random_seed(0)
    zoo.fsrcnn(2, num_filters=8, num_shrunk_filters=4, num_blocks=1).save(tmp_path / "tiny.keras")
    folder, out, log = tmp_path / "in", tmp_path / "out", tmp_path / "log.jsonl"
    folder.mkdir()
    whole = set()
    for name, content in samples().items():
        suffix = next((suffix for suffix in ("webp", "gif", "avif", "tif", "png") if suffix in name), "jpg")
        whole.add(f"whole {name}.{suffix}")
        (folder / f"whole {name}.{suffix}").write_bytes(content)
        for i in range(count):
            (folder / f"damaged {name} {i}.{suffix}").write_bytes(damage(f"{name} {i}", content))
    names = sorted(os.listdir(folder))
    options = ["-n", tmp_path / "tiny.keras", "--ext", "auto", "--json", log]
    done, peak = run_and_measure("upscale", folder, "-o", out, *options, peak=tmp_path / "peak")

    assert done.returncode == 1
    assert peak < MEMORY
    for line in done.stderr.splitlines():
        assert line.isprintable() and line.lstrip().startswith(("keras-lisr: ", str(folder)))
    *records, summary = map(json.loads, log.read_text().splitlines())
    assert sorted(os.path.basename(record["source"]) for record in records) == names
    written = {os.path.basename(record["target"]) for record in records if record["status"] == "written"}
    for record in records:
        if record["status"] == "written":
            assert picture_size(record["target"]).height == record["target_height"]
        else:
            assert record["status"] == "failed" and record["error"].isprintable() and 0 < len(record["error"]) < 700
    assert set(os.listdir(out)) == written > whole
    assert (summary["written"], summary["failed"]) == (len(written), len(names) - len(written))
