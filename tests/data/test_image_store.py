import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_lisr.data.image_store import HeldImages, Item, crop_to_multiple, hold_images


def picture(seed, height=7, width=9):
    return np.random.default_rng(seed).integers(256, size=(height, width, 3), dtype=np.uint8)


class Source:
    """Items that know how often each was made."""

    def __init__(self, count=6):
        self.versions = dict.fromkeys(map(str, range(count)), 0)
        self.made = []

    def items(self):
        return [
            Item(name, {"version": version}, lambda name=name: self.make(name))
            for name, version in self.versions.items()
        ]

    def make(self, name):
        if name == "3":
            raise ValueError("it is broken")
        self.made.append(name)
        return self.image(name)

    def image(self, name):
        return picture((int(name), self.versions[name]), height=5 + int(name))


@pytest.fixture
def source():
    return Source()


def assert_complete(held, source):
    images, problems = held
    assert list(images) == ["0", "1", "2", "4", "5"]
    for name, image in zip(images, HeldImages(list(images.values())), strict=True):
        np.testing.assert_array_equal(image, source.image(name))
    assert problems == {"3": "it is broken"}


def test_only_the_image_of_a_changed_source_is_made_anew(source, tmp_path):
    hold_images("high", source.items(), tmp_path)
    source.versions["4"] += 1
    source.made.clear()
    assert_complete(hold_images("high", source.items(), tmp_path), source)
    assert source.made == ["4"]


@settings(max_examples=20, deadline=None)
@given(finished=st.sets(st.integers(0, 5)))
def test_an_interrupted_folder_is_gone_on_with(tmp_path_factory, finished):
    """Whichever files are there by then."""
    source, folder = Source(), tmp_path_factory.mktemp("interrupted")
    hold_images("high", [item for item in source.items() if int(item.name) in finished], folder)
    (folder / "high" / ".partial_of_a_killed_process.npy").write_bytes(b"half")
    source.made.clear()
    assert_complete(hold_images("high", source.items(), folder), source)
    assert {*map(int, source.made)} == {0, 1, 2, 4, 5} - finished


def test_ctrl_c_leaves_the_rest_alone(tmp_path):
    source = Source(1000)

    def interrupt(images, **options):
        yield next(images)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hold_images("high", source.items(), tmp_path, interrupt)
    assert len(source.made) < 900


@pytest.mark.parametrize("problem", [ValueError("not now"), PermissionError("not now")])
def test_what_could_not_be_read_is_tried_again(tmp_path, problem):
    problems = [problem]

    def read():
        if problems:
            raise problems.pop()
        return picture(0)

    item = Item("a", {"version": 0}, read)
    assert hold_images("high", [item], tmp_path) == ({}, {"a": "not now"})
    images, problems_left = hold_images("high", [item], tmp_path)
    np.testing.assert_array_equal(HeldImages(list(images.values()))[0], picture(0))
    assert not problems_left


def test_two_at_once_hold_the_same_and_nothing_is_made_again(source, tmp_path):
    both = [threading.Thread(target=hold_images, args=("high", source.items(), tmp_path)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.npy")}
    source.made.clear()
    assert_complete(hold_images("high", source.items(), tmp_path), source)
    assert source.made == [] and before == {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.npy")}


@given(sides=st.tuples(st.integers(4, 40), st.integers(4, 40)), scale=st.integers(1, 4))
def test_images_are_cropped_to_multiples(sides, scale):
    image = picture(0, *sides)
    (cropped,) = HeldImages([image], scale)
    assert all(0 <= side - left < scale and left % scale == 0 for side, left in zip(sides, cropped.shape, strict=False))
    np.testing.assert_array_equal(cropped, image[: cropped.shape[0], : cropped.shape[1]])
    assert np.shares_memory(crop_to_multiple(image, scale), image)


LIMITED = """
import resource, sys
import numpy as np
from pathlib import Path
from keras_lisr.data.image_store import HeldImages, Item, hold_images

def make(seed):
    return np.random.default_rng(seed).integers(256, size=(1000, 1000, 3), dtype=np.uint8)

def limit(name, value):
    resource.setrlimit(name, (value, value))

items = [Item(str(i), i, lambda i=i: make(i)) for i in range(100)]
used = int(next(line for line in open("/proc/self/status") if line.startswith("VmData")).split()[1]) * 1024
limit(resource.RLIMIT_DATA, used + 150_000_000)  # Of 300,000,000 bytes; threads have to go into it, too.
limit(resource.RLIMIT_NOFILE, 50)
images = HeldImages(list(hold_images("high", items, Path(sys.argv[1]))[0].values()))
some = images.pick(range(100))
print("drawn", sum(int(some[i % 100][i : i + 96, i : i + 96].max()) for i in range(300)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's data without its file maps")
def test_neither_memory_nor_open_files_grow_with_the_set(tmp_path):
    command = [sys.executable, "-c", LIMITED, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, env={"OMP_NUM_THREADS": "1"})
    assert done.stdout == "drawn 76500\n", done.stderr
    assert len(list(tmp_path.rglob("*.npy"))) == 100
