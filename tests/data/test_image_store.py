import errno
import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from keras_lisr.data.image_store import Item, checksum, hold_images, in_parallel, read_index, store_images


def picture(seed, height=7, width=9):
    return np.random.default_rng(seed).integers(256, size=(height, width, 3), dtype=np.uint8)


class Source:
    """Items that know how often each was made."""

    def __init__(self, count):
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
    return Source(6)


def assert_complete(held, source):
    assert list(held.images) == ["0", "1", "2", "4", "5"]
    for name, image in held.images.items():
        np.testing.assert_array_equal(image, source.image(name))
        assert held.checksums[name] == checksum(source.image(name))
    assert held.problems == {"3": "it is broken"}


def test_memory_and_store_hold_the_same(source, tmp_path):
    counted = []
    assert_complete(hold_images(source.items(), done=counted.append), source)
    assert_complete(store_images(tmp_path / "a", source.items(), done=counted.append), source)
    assert sum(counted) == 12


def test_stored_images_are_views_of_the_file(source, tmp_path):
    image = store_images(tmp_path / "a", source.items()).images["0"]
    while image.base is not None and not isinstance(image, np.memmap):
        image = image.base
    assert not image.flags.writeable


def test_what_is_there_is_not_made_again(source, tmp_path):
    store_images(tmp_path / "a", source.items())
    source.made.clear()
    held = store_images(tmp_path / "a", source.items())
    assert_complete(held, source)
    assert source.made == [] and not held.changed and not held.damaged


def test_a_complete_store_on_a_read_only_disk_is_read(source, tmp_path, monkeypatch):
    store_images(tmp_path / "a", source.items())
    usual = Path.open

    def read_only(path, mode="r", **options):
        if set(mode) & set("wa+"):
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        return usual(path, mode, **options)

    monkeypatch.setattr(Path, "open", read_only)
    assert_complete(store_images(tmp_path / "a", source.items()), source)
    source.versions["0"] += 1
    with pytest.raises(OSError, match="could not be written"):
        store_images(tmp_path / "a", source.items())


@pytest.mark.parametrize("damage", [{"source": None}, {"checksum": None}, {"offset": -1}, {"shape": [-1, 9, 3]}])
def test_a_line_that_lacks_something_is_as_none(source, tmp_path, damage):
    store_images(tmp_path / "a", source.items())
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    lines[1] = {key: value for key, value in {**lines[1], **damage}.items() if value is not None}
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    source.made.clear()
    assert_complete(store_images(tmp_path / "a", source.items()), source)
    assert source.made == ["1"]


def test_more_or_fewer_or_reordered_items_are_what_is_asked_for(source, tmp_path):
    store_images(tmp_path / "a", source.items()[:2])
    assert_complete(store_images(tmp_path / "a", source.items()), source)
    assert list(store_images(tmp_path / "a", source.items()[4:2:-1]).images) == ["4"]


def test_a_changed_source_is_noticed_and_read_again(source, tmp_path):
    store_images(tmp_path / "a", source.items())
    source.versions["4"] += 1
    source.made.clear()
    held = store_images(tmp_path / "a", source.items())
    assert_complete(held, source)
    assert held.changed == ["4"] == source.made


def flip_a_bit(pixels, index):
    """In image 2."""
    content = bytearray(pixels.read_bytes())
    content[read_index(pixels.with_suffix(""))["2"]["offset"]] ^= 1
    pixels.write_bytes(content)


def truncate(pixels, index):
    """In the middle of image 2, which is then not the only one to be made again."""
    with pixels.open("r+b") as file:
        file.truncate(read_index(pixels.with_suffix(""))["2"]["offset"] + 1)


def lose_the_pixels(pixels, index):
    pixels.unlink()


def tear_the_index(pixels, index):
    index.write_bytes(index.read_bytes()[:-5])


def spoil_a_line(pixels, index):
    """The first is not JSON any more, the third lacks where its image is."""
    first, second, third, *rest = index.read_text().splitlines(keepends=True)
    third = json.dumps({**json.loads(third), "offset": None}) + "\n"
    index.write_text("\0\0\n" + second + third + "".join(rest))


def lose_the_index(pixels, index):
    index.unlink()


@pytest.mark.parametrize(
    "damage", [flip_a_bit, truncate, lose_the_pixels, tear_the_index, spoil_a_line, lose_the_index]
)
def test_damage_is_noticed_and_mended(source, tmp_path, damage):
    store_images(tmp_path / "a", source.items())
    source.made.clear()
    damage(tmp_path / "a.pixels", tmp_path / "a.jsonl")
    counted = []
    held = store_images(tmp_path / "a", source.items(), done=counted.append)
    assert sum(counted) == 6
    assert_complete(held, source)
    assert held.damaged == (["2"] if damage is flip_a_bit else [])
    assert source.made if damage is not flip_a_bit else source.made == ["2"]
    source.made.clear()
    assert_complete(store_images(tmp_path / "a", source.items()), source)
    assert source.made == []


def test_an_interrupted_store_is_gone_on_with(source, tmp_path):
    seen = []

    def interrupt(count):
        seen.append(count)
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store_images(tmp_path / "a", source.items(), done=interrupt)
    finished = set(read_index(tmp_path / "a"))
    assert len(finished) == 3
    source.made.clear()
    assert_complete(store_images(tmp_path / "a", source.items()), source)
    assert not finished & set(source.made)


def test_a_full_disk_is_one_clear_line(tmp_path):
    program = """
import resource, signal, sys
import numpy as np
from pathlib import Path
from keras_lisr.data.image_store import Item, store_images

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))  # As on a disk that is all but full.
image = np.zeros((100, 100, 3), np.uint8)
try:
    store_images(Path(sys.argv[1]), [Item(str(i), i, lambda: image) for i in range(9)])
except OSError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program, tmp_path / "a"], capture_output=True, text=True, check=True)
    assert done.stdout == f"{tmp_path / 'a'}.pixels could not be written (File too large); what is in it stays\n"
    assert [json.loads(line)["name"] for line in (tmp_path / "a.jsonl").read_text().splitlines()] == ["0", "1", "2"]


MEMORY = """
import resource, sys
import numpy as np
from pathlib import Path
from keras_lisr.data.image_store import Item, hold_images, store_images

def make(seed):
    return np.random.default_rng(seed).integers(256, size=(1000, 1000, 3), dtype=np.uint8)

items = [Item(str(i), i, lambda i=i: make(i)) for i in range(100)]
used = int(next(line for line in open("/proc/self/status") if line.startswith("VmData")).split()[1]) * 1024
limit = used + 150_000_000  # Of 300,000,000 bytes; threads and their images have to go into it, too.
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
try:
    held = store_images(Path(sys.argv[2]), items) if sys.argv[1] == "store" else hold_images(items)
except MemoryError:
    sys.exit("too large for memory")
images = list(held.images.values())
print("drawn", sum(int(images[i % 100][i : i + 96, i : i + 96].max()) for i in range(300)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's data without its file maps")
def test_memory_stays_bounded_whatever_the_size_of_the_set(tmp_path):
    def run(where):  # Each in a process of its own: the one that fails leaves its memory in pieces.
        command = [sys.executable, "-c", MEMORY, where, tmp_path / "a"]
        return subprocess.run(command, capture_output=True, text=True, env={"OMP_NUM_THREADS": "1"})

    assert run("memory").stderr == "too large for memory\n"
    stored = run("store")
    assert stored.stdout == "drawn 76500\n", stored.stderr
    assert (tmp_path / "a.pixels").stat().st_size == 300_000_000


def test_items_are_made_a_few_ahead_and_in_order():
    from concurrent.futures import ThreadPoolExecutor

    started, gate = [], threading.Event()

    def make(i):
        started.append(i)
        gate.wait(10)
        return i

    with ThreadPoolExecutor(64) as threads:
        results = in_parallel(threads, make, range(1000))
        gate.set()
        assert next(results) == 0
        assert len(started) < 100
        assert list(results) == list(range(1, 1000))


def test_two_processes_do_not_write_at_once(source, tmp_path):
    stores = [threading.Thread(target=store_images, args=(tmp_path / "a", source.items())) for _ in range(2)]
    for store in stores:
        store.start()
    for store in stores:
        store.join()
    assert sorted(source.made) == ["0", "1", "2", "4", "5"]
    assert_complete(store_images(tmp_path / "a", source.items()), source)


def test_what_could_not_be_read_is_tried_again(tmp_path):
    problems = [PermissionError("not now")]

    def read():
        if problems:
            raise problems.pop()
        return picture(0)

    item = Item("a", {"version": 0}, read)
    assert store_images(tmp_path / "a", [item]).problems == {"a": "not now"}
    held = store_images(tmp_path / "a", [item])
    np.testing.assert_array_equal(held.images["a"], picture(0))
    assert not held.problems


def test_an_image_that_breaks_later_leaves_those_who_read_it_alone(source, tmp_path):
    """The file of pixels does not shrink: what others have mapped stays."""
    before = store_images(tmp_path / "a", source.items())
    source.versions["5"] += 1
    broken = [*source.items()[:-1], Item("5", {"version": 1}, lambda: source.make("3"))]
    for _ in range(2):
        assert list(store_images(tmp_path / "a", broken).problems) == ["3", "5"]
    np.testing.assert_array_equal(before.images["5"], picture((5, 0), height=10))
