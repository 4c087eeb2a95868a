"""Uint8 images in one file on disk, for sets larger than memory: decoded once, read through a memory map.

`NAME.pixels` holds the images one behind the other, `NAME.jsonl` one line for each: its name, what it was made from,
its shape, its place and a checksum. Both only grow. Why a map of raw pixels and no other format stands in
docs/decisions/0009-image-store.md.
"""

import errno
import importlib.util
import json
import os
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_lisr.whole_files import reason

# Images are on the disk, then their lines, so that a line always has its image, whatever happens in between.
BYTES_BETWEEN_SYNCS = 256 * 2**20


class Item(NamedTuple):
    """An image that a store should hold.

    Args:
        name: Its name, unlike any other's.
        source: What it is made from, of what JSON can hold; another source makes the image anew.
        read: Makes it, uint8 `(height, width, 3)`; a ValueError says why there is none.
    """

    name: str
    source: Any
    read: Callable[[], np.ndarray]


class HeldImages(NamedTuple):
    """What became of the items, in memory or in a store.

    Args:
        images: By name, in the order of the items: uint8 `(height, width, 3)`; of a store, views of the file on disk.
        checksums: CRC-32 of each, by name.
        problems: Why there is no image, by name.
        changed: Names whose source was another when they were stored, and that were made anew.
        damaged: Names whose stored pixels were not what was written, and that were made anew.
    """

    images: dict[str, np.ndarray]
    checksums: dict[str, int]
    problems: dict[str, str]
    changed: Sequence[str] = ()
    damaged: Sequence[str] = ()


def hold_images(items: Sequence[Item], *, done: Callable[[int], Any] = lambda count: None) -> HeldImages:
    """Makes images in memory, in parallel.

    Args:
        items: The images wanted.
        done: Called with the number of items that have been finished since the last call.
    """
    held = HeldImages({}, {}, {})
    with ThreadPoolExecutor() as threads:
        for entry, image in in_parallel(threads, make, items):
            if image is None:
                held.problems[entry["name"]] = entry["problem"]
            else:
                held.images[entry["name"]], held.checksums[entry["name"]] = image, entry["checksum"]
            done(1)
    return held


def store_images(path: Path, items: Sequence[Item], *, done: Callable[[int], Any] = lambda count: None) -> HeldImages:
    """Opens a store, after making what is missing in it, in parallel; an interrupted store is gone on with.

    Images that are there already are read once, to compare their checksums. Memory holds some images per processor at
    a time, whatever the number of items.

    Args:
        path: The store: `path.pixels` and `path.jsonl`.
        items: The images wanted.
        done: Called with the number of items that have been finished since the last call.

    Raises:
        OSError: If the store cannot be written; what is in it by then stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.with_suffix(".lock")), ThreadPoolExecutor() as threads:
        known = read_index(path)
        current = [item for item in items if item.name in known and known[item.name]["source"] == item.source]
        changed = [item.name for item in items if item.name in known and known[item.name]["source"] != item.source]
        pixels = map_pixels(path)

        def is_whole(item: Item) -> bool:
            entry = known[item.name]
            whole = checksum(view(pixels, entry)) == entry["checksum"]
            if whole:
                done(1)
            return whole

        damaged = [item.name for item, whole in zip(current, threads.map(is_whole, current), strict=True) if not whole]
        up_to_date = {item.name for item in current}.difference(damaged)
        missing = [item for item in items if item.name not in up_to_date]
        problems = add(path, known, missing, threads, done)
        pixels = map_pixels(path)
    stored = {item.name: known[item.name] for item in items if item.name not in problems}
    return HeldImages(
        images={name: view(pixels, entry) for name, entry in stored.items()},
        checksums={name: entry["checksum"] for name, entry in stored.items()},
        problems=problems,
        changed=changed,
        damaged=damaged,
    )


def add(
    path: Path, known: dict[str, dict], items: Sequence[Item], threads: ThreadPoolExecutor, done: Callable[[int], Any]
) -> dict[str, str]:
    """Makes images and adds them to a store and its index; says why some could not be made.

    Those are not stored: the reason may be gone the next time.
    """
    problems = {}
    try:
        with ExitStack() as stack:
            writer = None  # Until there is something to write: a store may be complete and on a read-only disk.
            for entry, image in in_parallel(threads, make, items):
                if image is None:
                    problems[entry["name"]] = entry["problem"]
                else:
                    writer = writer or stack.enter_context(Writer(path, known))
                    writer.add(entry, image)
                done(1)
    except OSError as error:
        raise OSError(f"{path}.pixels could not be written ({reason(error)}); what is in it stays") from error
    return problems


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Makes other processes that want the same store wait, where the system can."""
    try:
        held = file.open("w")
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
        yield  # What cannot be written to needs no lock.
        return
    with held:
        if importlib.util.find_spec("fcntl"):
            import fcntl

            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def make(item: Item) -> tuple[dict[str, Any], np.ndarray | None]:
    """The line of an image, but for its place, and the image."""
    entry = {"name": item.name, "source": item.source}
    try:
        image = np.ascontiguousarray(item.read())
    except (OSError, ValueError) as error:
        return {**entry, "problem": str(error)}, None
    return {**entry, "shape": list(image.shape), "checksum": checksum(image)}, image


def in_parallel(threads: ThreadPoolExecutor, function: Callable, items: Iterable) -> Iterator:
    """`threads.map`, a few items ahead of the consumer instead of all of them."""
    ahead = 2 * (os.cpu_count() or 1)
    running: deque[Future] = deque()
    for item in items:
        running.append(threads.submit(function, item))
        if len(running) > ahead:
            yield running.popleft().result()
    while running:
        yield running.popleft().result()


class Writer:
    """Adds images to a store and to `known`, its index in memory.

    Args:
        path: The store.
        known: Lines of the index, by name.
    """

    def __init__(self, path: Path, known: dict[str, dict]):
        self.known = known
        self.waiting: list[dict] = []  # Lines of images that are not yet certain to be on the disk.
        self.unsynced = 0
        self.pixels = path.with_suffix(".pixels").open("r+b" if path.with_suffix(".pixels").exists() else "w+b")
        self.index = path.with_suffix(".jsonl").open("a")
        self.end = max((end(entry) for entry in known.values()), default=0)
        self.pixels.truncate(self.end)  # What has no line was not finished.
        self.pixels.seek(self.end)

    def __enter__(self):
        return self

    def add(self, entry: dict[str, Any], image: np.ndarray) -> None:
        """Appends one image."""
        entry["offset"] = self.end
        self.pixels.write(image.data)
        self.end += image.nbytes
        self.unsynced += image.nbytes
        self.waiting.append(entry)
        if self.unsynced >= BYTES_BETWEEN_SYNCS:
            self.sync()

    def sync(self) -> None:
        """Puts the images on the disk, then their lines."""
        flush(self.pixels)
        self.index.writelines(json.dumps(entry) + "\n" for entry in self.waiting)
        flush(self.index)
        self.known.update((entry["name"], entry) for entry in self.waiting)
        self.waiting, self.unsynced = [], 0

    def __exit__(self, *exception):
        with self.pixels, self.index:
            self.sync()


def flush(file) -> None:
    """Waits until what was written to a file is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def read_index(path: Path) -> dict[str, dict]:
    """The whole lines of a store's index, the last one of each name; a torn last line is cut off."""
    file = path.with_suffix(".jsonl")
    if not file.exists():
        return {}
    lines = file.read_bytes().splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        os.truncate(file, sum(map(len, lines[:-1])))
        lines.pop()
    size = path.with_suffix(".pixels").stat().st_size if path.with_suffix(".pixels").exists() else 0
    entries = {}
    for line in lines:
        try:
            entry = json.loads(line)
            if (
                min(entry["offset"], *entry["shape"]) >= 0
                and entry.keys() >= {"source", "checksum"}
                and end(entry) <= size
            ):
                entries[entry["name"]] = entry
        except (ValueError, KeyError, TypeError):  # A damaged line; its image is made anew.
            continue
    return entries


def end(entry: dict[str, Any]) -> int:
    """Where the image of a line ends."""
    return entry["offset"] + int(np.prod(entry["shape"]))


def map_pixels(path: Path) -> np.ndarray:
    """The file of pixels as one array that is read when it is used."""
    file = path.with_suffix(".pixels")
    if not file.exists() or not file.stat().st_size:
        return np.empty(0, np.uint8)
    return np.asarray(np.memmap(file, np.uint8, "r"))  # As a plain array: slices of `memmap` take twice as long.


def view(pixels: np.ndarray, entry: dict[str, Any]) -> np.ndarray:
    """One image in the file of pixels."""
    return pixels[entry["offset"] : end(entry)].reshape(entry["shape"])


def checksum(image: np.ndarray) -> int:
    """CRC-32 of an image's pixels."""
    return zlib.crc32(np.ascontiguousarray(image).data)
