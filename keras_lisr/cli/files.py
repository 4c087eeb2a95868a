"""Checks the files that commands write, and names those that they read."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path


def check_targets(*paths: Path | None, inputs: Iterable[str | Path] = ()) -> None:
    """Checks files to write before long work.

    Args:
        *paths: Files to write.
        inputs: Files to read, which must not be among them.

    Raises:
        ValueError: If one is not a regular file or its folder does not exist, two are the same, or one is an input.
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
            raise ValueError(f"Files to write must differ from those to read. Received: {str(path)!r}, twice")


def titles(paths: Iterable[str | Path]) -> dict[str, str]:
    """Returns a title for each file or folder: its name, or the whole path where two have the same name.

    >>> titles(["runs/a.keras", "imdn/best.keras", "rcan/best.keras"])
    {'runs/a.keras': 'a.keras', 'imdn/best.keras': 'imdn/best.keras', 'rcan/best.keras': 'rcan/best.keras'}
    """
    names = {path: Path(path).resolve().name for path in map(str, paths)}
    alike = Counter(names.values())
    return {path: name if alike[name] == 1 else path for path, name in names.items()}
