"""What the commands ask of the files that they are to write, and what they call those that they read."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path


def check_targets(*paths: Path | None, inputs: Iterable[str | Path] = ()) -> None:
    """Checks, before anything is computed, that files can be written.

    Args:
        *paths: Files to write.
        inputs: Files to read, which must not be among them.

    Raises:
        ValueError: If one of them is a folder or a device, lies in no folder, or two are the same, or one is an input.
    """
    given = [path for path in paths if path is not None]
    for path in given:
        if not path.parent.is_dir() or (path.exists() and not path.is_file()):
            raise ValueError(f"`path` must be a file in an existing folder. Received: path={str(path)!r}")
    if len({path.resolve() for path in given}) < len(given):
        raise ValueError(f"Files to write must differ. Received: {', '.join(map(str, given))}")
    read = {Path(path).resolve() for path in inputs}
    for path in given:
        if path.resolve() in read:
            raise ValueError(f"Files to write must be others than those to read. Received: {str(path)!r}, twice")


def titles(paths: Iterable[str | Path]) -> dict[str, str]:
    """What to call each of several files or folders, each once: its name, or what tells paths apart that end alike.

    >>> titles(["a.keras", "runs/imdn/best.keras", "runs/rcan/best.keras"])
    {'a.keras': 'a.keras', 'runs/imdn/best.keras': 'imdn', 'runs/rcan/best.keras': 'rcan'}
    """
    distinct = list(dict.fromkeys(map(str, paths)))
    names = [Path(path).resolve().name for path in distinct]
    alike = [path for path, name in zip(distinct, names, strict=True) if names.count(name) > 1]
    told = dict(zip(distinct, names, strict=True)) | dict(zip(alike, apart(alike), strict=True))
    if len(set(told.values())) < len(told):  # What is left of a path can be another's name.
        told |= {path: path for path in alike}
    return told


def apart(paths: Sequence[str]) -> list[str]:
    """Each path without the folders and the names with which all of them begin and end."""
    parts = [list(Path(path).parts) for path in paths]
    first = len(os.path.commonprefix(parts))
    last = len(os.path.commonprefix([part[:first:-1] for part in parts]))
    return ["/".join(part[first : len(part) - last]) for part in parts]
