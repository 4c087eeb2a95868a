"""Finds, fetches and puts files: local paths, and URLs that fsspec knows, such as s3://bucket/photos/a.png.

A URL is taken literally: nothing in it is decoded, and `::` does not chain storages. So any name in a listing is the
name of that file.
"""

import os
import re
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from keras_lisr.basics.whole_files import PARTIAL

PROTOCOL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")  # At least two letters: one is a drive of Windows.
LOCAL = ("file", "local")
ON_WINDOWS = os.name == "nt"
# These show a file only once all of it has arrived. Elsewhere it is renamed then.
OBJECT_STORES = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az")


class Url(str):
    """URL of a file or a folder in a storage that fsspec knows.

    Example:

    >>> photo = Url("s3://bucket/photos") / "100 %/ä.png"
    >>> photo.name, photo.parent
    ('ä.png', 's3://bucket/photos/100 %')
    """

    __slots__ = ()

    @property
    def name(self) -> str:
        """Part behind the last slash."""
        return self.rpartition("/")[2]

    @property
    def parent(self) -> "Url":
        """Folder that holds it."""
        return Url(self.rpartition("/")[0])

    def __truediv__(self, name: str) -> "Url":
        return Url(f"{self}{name}" if self.endswith("://") else f"{self.rstrip('/')}/{name}")


File = Path | Url


def parse(text: str | Path) -> File:
    """Parses a file name: a URL, or a path; file:// and local:// are paths, too.

    Example:

    >>> str(parse("file:///photos/")), str(parse("photos")), type(parse("s3://bucket/photos")).__name__
    ('/photos', 'photos', 'Url')
    """
    if isinstance(text, Path):
        return text
    found = PROTOCOL.match(text)
    if found and found[1] not in LOCAL:
        return Url(text)
    path = text[found.end() :] if found else text
    return Path(path[1:] if found and ON_WINDOWS and re.match("/[A-Za-z]:", path) else path)  # file:///C:/photos


def filesystem(url: Url) -> tuple[Any, str]:
    """Returns fsspec's file system for a URL, and the path of the URL in it.

    Raises:
        ValueError: If fsspec does not know the protocol, or a package for it is not installed.
        OSError: If the storage cannot be reached.
    """
    from fsspec import filesystem as make
    from fsspec import get_filesystem_class

    protocol = url.partition("://")[0]
    try:
        kind = get_filesystem_class(protocol)
    except (ValueError, ImportError) as error:
        raise ValueError(
            f"URLs must be of a storage that fsspec knows and that is installed (s3://: pip install s3fs, gs://: "
            f"pip install gcsfs). Received: {str(url)!r} ({error})"
        ) from error
    with name_errors(url):
        return make(protocol, **kind._get_kwargs_from_urls(url)), kind._strip_protocol(url)


@contextmanager
def name_errors(file: File) -> Iterator[None]:
    """Turns any error of a storage into an OSError that names the file, or a FileNotFoundError if there is none."""
    try:
        yield
    except Exception as error:  # Every library behind fsspec has types of its own.
        kind = FileNotFoundError if isinstance(error, FileNotFoundError) else OSError
        detail = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        detail = "no such file" if isinstance(error, FileNotFoundError) else " ".join(detail.split())
        raise kind(f"`path` must be one that can be reached. Received: path={str(file)!r} ({detail})") from error


def kind_of(file: File) -> str:
    """Returns "file", "directory", or "" if there is nothing."""
    if isinstance(file, Path):
        return "directory" if file.is_dir() else "file" if file.exists() else ""
    system, path = filesystem(file)
    with suppress(FileNotFoundError), name_errors(file):
        system.invalidate_cache()
        return system.info(path)["type"]
    return ""


def files_below(folder: File, recursive: bool) -> list[str]:
    """Lists the files in a folder, and below it if asked: their relative paths, sorted. Links are not followed.

    Folders that are not searched (hidden and linked ones, or all) are listed, too, with a slash at the end.

    Raises:
        ValueError: As `filesystem`, or if a name leads elsewhere. Object stores allow `../a.png` and `/a.png`.
        OSError: If a folder cannot be listed.
    """
    if isinstance(folder, Path):
        return sorted(walk(folder, recursive))
    system, path = filesystem(folder)
    with name_errors(folder):
        system.invalidate_cache()
        if recursive:  # In object stores, an object that stands for a folder ends in a slash.
            paths = [found for found in system.find(path) if found[-1] != "/"]
        else:
            found = system.ls(path, detail=True)
            paths = [entry["name"] + "/" * (entry["type"] == "directory") for entry in found]
    start = f"{path.rstrip('/')}/"
    names = sorted(found.removeprefix(start) for found in paths if found.startswith(start) and found != start)
    for name in (found.rstrip("/") for found in names):
        leads_elsewhere = {"", ".", ".."} & set(name.split("/")) or set(name) & set("\0\\:" if ON_WINDOWS else "\0")
        if leads_elsewhere or filesystem(folder / name)[1] != start + name:
            raise ValueError(f"Files must have names that stay in their folder. Received: {name!r} in {str(folder)!r}")
    return names


def walk(folder: Path, recursive: bool) -> Iterator[str]:
    """Lists the files in a local folder as `files_below` does."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_dir():
                yield entry.name
            elif recursive and not entry.name.startswith(".") and not entry.is_symlink():
                yield from (f"{entry.name}/{name}" for name in walk(folder / entry.name, recursive))
            else:
                yield f"{entry.name}/"


def find_existing(files: Iterable[File]) -> set[File]:
    """Returns the files that exist. Folders in storage are listed once, instead of asking for each file."""
    there: set[File] = set()
    folders: dict[Url, list[Url]] = {}
    for file in files:
        if isinstance(file, Url):
            folders.setdefault(file.parent, []).append(file)
        elif os.path.lexists(file):
            there.add(file)
    for folder, urls in folders.items():
        if len(urls) == 1:
            there.update(url for url in urls if kind_of(url))
            continue
        system, path = filesystem(folder)
        with suppress(FileNotFoundError), name_errors(folder):
            system.invalidate_cache()
            names = {found.rstrip("/").rpartition("/")[2] for found in system.ls(path, detail=False)}
            there.update(url for url in urls if url.name in names)
    return there


def fetch(url: Url, local: Path) -> None:
    """Copies a file from storage, or raises an OSError."""
    system, path = filesystem(url)
    with name_errors(url):
        system.get_file(path, str(local))


def put(local: Path, url: Url) -> None:
    """Copies a local file into storage, whole or not at all, or raises an OSError. An existing file is replaced."""
    from fsspec import AbstractFileSystem

    system, path = filesystem(url)
    with name_errors(url):
        if url.partition("://")[0] in OBJECT_STORES:
            system.put_file(str(local), path)
            return
        folder, _, name = path.rpartition("/")
        system.makedirs(folder or "/", exist_ok=True)
        partial = f"{folder}/{PARTIAL[:-1]}{uuid.uuid4().hex}{Path(name).suffix}"
        try:
            system.put_file(str(local), partial)
            if type(system).mv is AbstractFileSystem.mv:  # It copies, too, but takes wildcards in names.
                system.cp_file(partial, path)
                system.rm_file(partial)
            else:
                system.mv(partial, path)
        except BaseException:
            with suppress(Exception):
                system.rm_file(partial)
            raise
