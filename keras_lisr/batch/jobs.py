"""Which pictures are upscaled, and what their results are called: files, or URLs of storage that fsspec knows."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from keras_lisr.batch.storage import File, Url, files_below, find_existing, kind_of, parse
from keras_lisr.pictures.formats import FORMATS, READABLE, check_output, format_of

AS_INPUT = "auto"


@dataclass(frozen=True)
class Job:
    """One picture to upscale.

    Args:
        source: File to read: a path, or the URL of one.
        target: File to write, in the format of its suffix; likewise.
    """

    source: File
    target: File


class Source(NamedTuple):
    """A picture that was asked for.

    Args:
        path: File to read.
        name: Its path below the folder in which it was found; its name alone if it was given itself.
        found: Whether it was found in a folder.
    """

    path: File
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
    folders are followed, each folder once. A folder within that cannot be read stands for a picture that cannot. A link
    to a file is read, and its result has the link's name.

    Args:
        inputs: Files and folders, or URLs of such.
        output: Folder for the results, in which the tree below each input folder is kept; with a single input file, the
            file to write unless it is a folder or ends in a slash. By default, results lie beside their sources.
        recursive: Whether folders within folders are searched too.
        suffix: What is added to each name, before its ending.
        ext: Format of the results, as the ending without the dot: png, jpg, webp, tif, avif and others, or "auto" for
            that of the source, PNG where it cannot be written. By default, PNG, or what the file to write says.

    Returns:
        What is to be done, in the order of `inputs` and, within a folder, of the names, linked folders last. A picture
        found in a folder that is another one's result is left out: it was made by an earlier run.

    Raises:
        ValueError: If there is no such file or folder, no picture, no such format, if two pictures would have one
            result, or a result would replace a picture that is to be read or lie outside the output folder.
        OSError: If a folder of `inputs` cannot be read, or the file or the folder for the results cannot be written to.

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
        OSError: If a folder of `inputs` cannot be read.
    """
    sources: dict[tuple[File, Path], Source] = {}
    for given in (as_file(given) for given in inputs):
        kind = kind_of(given)
        if kind == "directory":
            for file, name in pictures_in(given, recursive, output):
                sources.setdefault((file, name), Source(file, name, found=True))
        elif kind:
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


def as_file(given: str | Path) -> File:
    """The path or the URL that somebody gave."""
    found = parse(given)
    return found if isinstance(found, Url) else Path(found)


def pictures_in(folder: File, recursive: bool, output: str | Path | None) -> Iterator[tuple[File, Path]]:
    """The files in a folder that have a picture's suffix, and their paths from there on: as `find_jobs` says."""
    if isinstance(folder, Url):
        for name in files_below(folder, recursive):
            file, path = folder / name, Path(name)
            is_hidden = any(part.startswith(".") for part in path.parts)
            is_result = output is not None and not is_same(folder, output) and is_within(file, output)
            if path.suffix.lower() in READABLE and not is_hidden and not is_result:
                yield file, path
    else:
        for found in pictures_below(folder, recursive, output):
            yield found, found.relative_to(folder)


def pictures_below(folder: Path, recursive: bool, output: str | Path | None) -> Iterator[Path]:
    """The files in a local folder that have a picture's suffix, and those of folders within: as `find_jobs` says."""
    unreadable: list[Path] = []

    def note(error: OSError) -> None:
        if Path(error.filename) == folder:
            raise OSError(f"IN must be folders that can be read. Received: {error.filename!r} ({error.strerror})")
        unreadable.append(Path(error.filename))

    seen = set() if output is None or is_same(folder, output) else {identity(output)}
    for parent, folders, names in os.walk(folder, onerror=note, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if recursive and not name.startswith(".")]
        folders.sort(key=lambda name: (os.path.islink(os.path.join(parent, name)), name))  # Links come last.
        for path in (Path(parent, name) for name in sorted(names) if not name.startswith(".")):
            # A broken link is one that is reported; from a pipe nothing would ever come.
            if path.suffix.lower() in READABLE and (path.is_file() or not path.exists()):
                yield path
    yield from unreadable  # They fail when their turn comes, as pictures that cannot be read.


def identity(given: str | Path) -> str:
    """What all names of one place share: the path without links, or the URL."""
    found = parse(given)
    return found.rstrip("/") if isinstance(found, Url) else os.path.realpath(found)


def is_same(path: str | Path, other: str | Path) -> bool:
    """Whether two names lead to one place."""
    return identity(path) == identity(other)


def is_within(file: Url, folder: str | Path) -> bool:
    """Whether a file lies in a folder or below it."""
    return file.startswith(f"{identity(folder)}/")


def is_folder(output: str | Path, inputs: Sequence[str | Path]) -> bool:
    """Whether `output` means a folder for the results, rather than the one file to write."""
    single = len(inputs) == 1 and kind_of(as_file(inputs[0])) != "directory"
    return not single or str(output).endswith(("/", os.sep)) or kind_of(as_file(output)) == "directory"


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
        jobs = [Job(sources[0].path, as_file(output))]
        check_target(jobs[0].target)
    else:
        folder = None if output is None else as_file(output)
        if folder is not None and kind_of(folder) == "file":
            raise OSError(f"OUT must be a folder for several pictures. Received: {str(output)!r} (it is a file)")
        jobs = [Job(source.path, target_of(source, folder, suffix, ext)) for source in sources]
        check_target(jobs[0].target, makes_folders=True)
    check_distinct(jobs)
    made = {identity(job.target) for job in jobs}
    kept = []
    for source, job in zip(sources, jobs, strict=True):
        if identity(source.path) not in made:
            kept.append(job)
        elif not source.found or is_same(source.path, job.target):
            raise ValueError(f"OUT must be another file than IN. Received: {str(source.path)!r}")
    return kept


def check_target(target: File, makes_folders: bool = False) -> None:
    """Checks that a result can be written, as far as that can be told before there is one.

    Args:
        target: Where it is to be written. A storage shows only then whether it takes it.
        makes_folders: Whether missing folders will be made.

    Raises:
        ValueError: If its format is unknown.
        OSError: If it cannot be written.
    """
    if isinstance(target, Url):
        format_of(target)
    elif makes_folders:
        there = next(folder for folder in target.absolute().parents if folder.is_dir())
        check_output(there / f"a{target.suffix}")  # A name that is too long is one picture's failure.
    else:
        check_output(target)


def target_of(source: Source, output: File | None, suffix: str, ext: str | None) -> File:
    """Where the result of one picture goes: beside it, or into the folder for all.

    Raises:
        ValueError: If a link in the output folder leads out of it.
    """
    folder, name = (source.path.parent, Path(source.path.name)) if output is None else (output, source.name)
    name = name.with_name(f"{name.stem}{suffix}{result_ending(name, ext)}")
    if isinstance(folder, Url):
        return folder / name.as_posix()
    target = folder / name
    if not Path(os.path.realpath(target)).is_relative_to(os.path.realpath(folder)):
        raise ValueError(
            f"Results must lie in the folder for them. Received: {str(target)!r}, which is a link to "
            f"{os.path.realpath(target)!r}"
        )
    return target


def result_ending(name: Path, ext: str | None) -> str:
    """The ending of the result of a file of that name."""
    if ext != AS_INPUT:
        return f".{ext or 'png'}"
    return name.suffix if name.suffix.lower() in FORMATS else ".png"


def check_distinct(jobs: Sequence[Job]) -> None:
    """Checks that every result has a file of its own.

    Raises:
        ValueError: If two have the same.
    """
    sources: dict[str, File] = {}
    for job in jobs:
        other = sources.setdefault(identity(job.target), job.source)
        if other is not job.source:
            raise ValueError(
                "Results must have names of their own: upscale these apart, or with `ext` auto, which keeps endings of "
                "formats that can be written. "
                f"Received: {str(other)!r} and {str(job.source)!r}, both for {str(job.target)!r}"
            )


def check_free(jobs: Sequence[Job]) -> None:
    """Checks that nothing would be replaced.

    Raises:
        ValueError: If a target exists.
        OSError: If a storage cannot be reached.
    """
    there = find_existing(job.target for job in jobs)
    if there:
        first = next(job.target for job in jobs if job.target in there)
        others = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise ValueError(
            f"OUT must not exist yet, or --overwrite or --skip-existing be given. Received: {str(first)!r}{others}"
        )
