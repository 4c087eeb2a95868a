"""Which pictures are upscaled, and what their results are called."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from keras_lisr.pictures.formats import FORMATS, READABLE, check_output

AS_INPUT = "auto"


@dataclass(frozen=True)
class Job:
    """One picture to upscale.

    Args:
        source: File to read.
        target: File to write, in the format of its suffix.
    """

    source: Path
    target: Path


class Source(NamedTuple):
    """A picture that was asked for.

    Args:
        path: File to read.
        name: Its path below the folder in which it was found; its name alone if it was given itself.
        found: Whether it was found in a folder.
    """

    path: Path
    name: Path
    found: bool


def find_jobs(
    inputs: Sequence[str | Path],
    output: str | Path | None = None,
    *,
    recursive: bool = False,
    suffix: str = "",
    ext: str | None = None,
) -> list[Job]:
    """Finds pictures and names their results.

    In a folder, files with the suffix of a picture format are taken, hidden ones and the output folder left out; linked
    folders are followed, each folder once. A link to a file is read, and its result has the link's name.

    Args:
        inputs: Files and folders.
        output: Folder for the results, in which the tree below each input folder is kept; with a single input file, the
            file to write unless it is a folder or ends in a slash. By default, results lie beside their sources.
        recursive: Whether folders within folders are searched too.
        suffix: What is added to each name, before its ending.
        ext: Format of the results, as the ending without the dot: png, jpg, webp, tif, avif and others, or "auto" for
            that of the source, PNG where it cannot be written. By default, PNG, or what the file to write says.

    Returns:
        What is to be done, in the order of `inputs` and, within a folder, of the names. A picture found in a folder
        that is another one's result is left out: it was made by an earlier run.

    Raises:
        ValueError: If there is no such file or folder, no picture, no such format, if two pictures would have one
            result, or a result would replace a picture that is to be read or lie outside the output folder.
        OSError: If a folder cannot be read, or the file or the folder for the results cannot be written to.

    Example:

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "a.jpg").touch()
    >>> [(job.source.name, job.target.name) for job in find_jobs([folder], folder, suffix="_x4")]
    [('a.jpg', 'a_x4.png')]
    """
    return name_targets(find_sources(inputs, output, recursive=recursive), inputs, output, suffix=suffix, ext=ext)


def find_sources(
    inputs: Sequence[str | Path], output: str | Path | None = None, *, recursive: bool = False
) -> list[Source]:
    """Finds the pictures; the first half of `find_jobs`, whose arguments these are.

    Raises:
        ValueError: If there is no such file or folder, or no picture.
        OSError: If a folder cannot be read.
    """
    sources: dict[tuple[Path, Path], Source] = {}
    for given in map(Path, inputs):
        if given.is_dir():
            for file in pictures_below(given, recursive, output):
                name = file.relative_to(given)
                sources.setdefault((file, name), Source(file, name, found=True))
        elif given.exists():
            name = Path(given.name)
            sources[given, name] = Source(given, name, found=False)
        else:
            raise ValueError(
                f"IN must be an existing file or folder. Received: {str(given)!r} (No such file or directory)"
            )
    if not sources:
        raise ValueError(
            f"IN must be pictures, or folders that hold some ({', '.join(READABLE)})"
            f"{'' if recursive else ', or -r be given to search the folders within'}. "
            f"Received: {', '.join(repr(str(given)) for given in inputs) or 'none'}"
        )
    return list(sources.values())


def pictures_below(folder: Path, recursive: bool, output: str | Path | None) -> Iterator[Path]:
    """The files in a folder that have a picture's suffix, and those of folders within: as `find_jobs` says."""

    def refuse(error: OSError) -> None:
        raise OSError(f"IN must be folders that can be read. Received: {error.filename!r} ({error.strerror})")

    seen = set() if output is None or is_same(folder, output) else {os.path.realpath(output)}
    for parent, folders, names in os.walk(folder, followlinks=True, onerror=refuse):
        real = os.path.realpath(parent)
        folders[:] = sorted(name for name in folders if recursive and real not in seen and not name.startswith("."))
        if real in seen:
            continue
        seen.add(real)
        for path in (Path(parent, name) for name in sorted(names) if not name.startswith(".")):
            # A broken link is one that is reported; from a pipe nothing would ever come.
            if path.suffix.lower() in READABLE and (path.is_file() or not path.exists()):
                yield path


def is_same(path: str | Path, other: str | Path) -> bool:
    """Whether two paths lead to one place."""
    return os.path.realpath(path) == os.path.realpath(other)


def is_folder(output: str | Path, inputs: Sequence[str | Path]) -> bool:
    """Whether `output` means a folder for the results, rather than the one file to write."""
    single = len(inputs) == 1 and not os.path.isdir(inputs[0])
    return not single or os.path.isdir(output) or str(output).endswith(("/", os.sep))


def name_targets(
    sources: Sequence[Source],
    inputs: Sequence[str | Path],
    output: str | Path | None = None,
    *,
    suffix: str = "",
    ext: str | None = None,
) -> list[Job]:
    """Names the results; the second half of `find_jobs`, whose arguments these are.

    Raises:
        ValueError: If there is no such format, if two pictures would have one result, or a result would replace a
            picture that is to be read or lie outside the output folder.
        OSError: If the file or the folder for the results cannot be written to.
    """
    if ext not in (None, AS_INPUT) and f".{ext}" not in FORMATS:
        known = ", ".join(name.removeprefix(".") for name in FORMATS)
        raise ValueError(f"`ext` must be {AS_INPUT} or one of {known}. Received: ext={ext!r}")
    if Path(f"a{suffix}").name != f"a{suffix}" or "\0" in suffix:
        raise ValueError(f"`suffix` must be a part of a file's name. Received: suffix={suffix!r}")
    if output is not None and not is_folder(output, inputs):
        if suffix or ext not in (None, Path(output).suffix.lower().removeprefix(".")):
            raise ValueError(
                f"`suffix` and `ext` must be absent where OUT is a file. Received: {str(output)!r}, suffix={suffix!r}, "
                f"ext={ext!r}"
            )
        check_output(output)
        jobs = [Job(sources[0].path, Path(output))]
    else:
        if output is not None and os.path.exists(output) and not os.path.isdir(output):
            raise OSError(f"OUT must be a folder for several pictures. Received: {str(output)!r} (it is a file)")
        jobs = [Job(source.path, target_of(source, output, suffix, ext)) for source in sources]
        # Folders are made when something is put into them.
        there = next(folder for folder in jobs[0].target.absolute().parents if folder.is_dir())
        check_output(there / jobs[0].target.name)
    check_distinct(jobs)
    made = {os.path.realpath(job.target) for job in jobs}
    kept = []
    for source, job in zip(sources, jobs, strict=True):
        if os.path.realpath(source.path) not in made:
            kept.append(job)
        elif not source.found or is_same(source.path, job.target):
            raise ValueError(f"OUT must be another file than IN. Received: {str(source.path)!r}")
    return kept


def target_of(source: Source, output: str | Path | None, suffix: str, ext: str | None) -> Path:
    """Where the result of one picture goes.

    Raises:
        ValueError: If a link in the output folder leads out of it.
    """
    folder, name = (source.path.parent, Path(source.path.name)) if output is None else (Path(output), source.name)
    ending = f".{ext or 'png'}"
    if ext == AS_INPUT:
        ending = name.suffix if name.suffix.lower() in FORMATS else ".png"
    target = folder / name.with_name(f"{name.stem}{suffix}{ending}")
    if not Path(os.path.realpath(target)).is_relative_to(os.path.realpath(folder)):
        raise ValueError(
            f"Results must lie in the folder for them. Received: {str(target)!r}, which is a link to "
            f"{os.path.realpath(target)!r}"
        )
    return target


def check_distinct(jobs: Sequence[Job]) -> None:
    """Checks that every result has a file of its own.

    Raises:
        ValueError: If two have the same.
    """
    sources: dict[str, Path] = {}
    for job in jobs:
        other = sources.setdefault(os.path.realpath(job.target), job.source)
        if other is not job.source:
            raise ValueError(
                f"Results must have names of their own; `ext` auto keeps endings apart. "
                f"Received: {str(other)!r} and {str(job.source)!r}, both for {str(job.target)!r}"
            )


def check_free(jobs: Sequence[Job]) -> None:
    """Checks that nothing would be replaced.

    Raises:
        ValueError: If a target exists.
    """
    existing = [job.target for job in jobs if os.path.lexists(job.target)]
    if existing:
        others = f" and {len(existing) - 1} more" if existing[1:] else ""
        raise ValueError(
            "OUT must not exist yet, or --overwrite or --skip-existing be given. "
            f"Received: {str(existing[0])!r}{others}"
        )
