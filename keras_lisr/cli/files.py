"""What the commands ask of the files that they are to write, and what they call those that they read."""

from collections.abc import Iterable
from pathlib import Path


def check_targets(*paths: Path | None) -> None:
    """Checks, before anything is computed, that files can be written.

    Raises:
        ValueError: If one of them is a folder or a device, lies in no folder, or two are the same.
    """
    given = [path for path in paths if path is not None]
    for path in given:
        if not path.parent.is_dir() or (path.exists() and not path.is_file()):
            raise ValueError(f"`path` must be a file in an existing folder. Received: path={str(path)!r}")
    if len({path.resolve() for path in given}) < len(given):
        raise ValueError(f"Files to write must differ. Received: {', '.join(map(str, given))}")


def titles(paths: Iterable[str | Path]) -> dict[str, str]:
    """What to call each of several files or folders, each once: its name, or its path where two have that name."""
    distinct = list(dict.fromkeys(map(str, paths)))
    names = [Path(path).resolve().name for path in distinct]
    return {path: name if names.count(name) == 1 else path for path, name in zip(distinct, names, strict=True)}
