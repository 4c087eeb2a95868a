"""Which pictures are upscaled, and what their results are called: files, or URLs of storage that fsspec knows."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from keras_lisr.batch.storage import File, Url, files_below, find_existing, kind_of, parse
from keras_lisr.pictures.formats import FORMATS, READABLE, format_of

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


def find_jobs(
    inputs: Sequence[str | Path],
    output: str | Path | None = None,
    *,
    recursive: bool = False,
    suffix: str = "",
    ext: str | None = None,
) -> list[Job]:
    """Finds pictures and names their results.

    In a folder, files with the suffix of a picture format are taken; hidden ones, linked folders and the output folder
    are left out. A link to a file is read, and its result has the link's name.

    Args:
        inputs: Files and folders, or URLs of such.
        output: Folder for the results, in which the tree below each input folder is kept; with a single input file, the
            file to write unless it is a folder or ends in a slash. By default, results lie beside their sources.
        recursive: Whether folders within folders are searched too.
        suffix: What is added to each name, before its ending.
        ext: Format of the results, as the ending without the dot: png, jpg, webp, tif, avif and others, or "auto" for
            that of the source, PNG where it cannot be written. By default, PNG, or what the file to write says.

    Returns:
        What is to be done, in the order of `inputs` and, within a folder, of the paths. A picture found in a folder
        that is another one's result is left out: it was made by an earlier run.

    Raises:
        ValueError: If there is no such file or folder, no picture, no such format, if two pictures would have one
            result, or a result would replace a picture that is to be read.
        OSError: If a folder of `inputs` cannot be read, or the one for the results is a file.

    Example:

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "a.jpg").touch()
    >>> [(job.source.name, job.target.name) for job in find_jobs([folder], folder, suffix="_x4")]
    [('a.jpg', 'a_x4.png')]
    """
    if ext not in (None, AS_INPUT) and f".{ext}" not in FORMATS:
        known = ", ".join(name.removeprefix(".") for name in FORMATS)
        raise ValueError(f"`ext` must be {AS_INPUT} or one of {known}. Received: ext={ext!r}")
    if Path(f"a{suffix}").name != f"a{suffix}" or "\0" in suffix:
        raise ValueError(f"`suffix` must be a part of a file's name. Received: suffix={suffix!r}")
    names = find_sources(inputs, output, recursive)
    if output is not None and not is_folder(output, inputs):
        if suffix or ext not in (None, Path(output).suffix.lower().removeprefix(".")):
            raise ValueError(
                f"`suffix` and `ext` must be absent where OUT is a file. Received: {str(output)!r}, suffix={suffix!r}, "
                f"ext={ext!r}"
            )
        format_of(output)
        jobs = [Job(next(iter(names)), parse(output))]
    else:
        folder = None if output is None else parse(output)
        if folder is not None and kind_of(folder) == "file":
            raise OSError(f"OUT must be a folder for several pictures. Received: {str(output)!r} (it is a file)")
        jobs = [Job(source, target_of(source, name, folder, suffix, ext)) for source, name in names.items()]
    check_distinct(jobs)
    made = {identity(job.target) for job in jobs}
    given = set(map(parse, inputs))
    kept = []
    for job in jobs:
        if identity(job.source) not in made:
            kept.append(job)
        elif job.source in given or is_same(job.source, job.target):
            raise ValueError(f"OUT must be another file than IN. Received: {str(job.source)!r}")
    return kept


def find_sources(inputs: Sequence[str | Path], output: str | Path | None, recursive: bool) -> dict[File, PurePosixPath]:
    """Finds the pictures; the arguments are those of `find_jobs`.

    Returns:
        For each, its path below the folder in which it was found, or its name alone if it was given itself.

    Raises:
        ValueError: If there is no such file or folder, or no picture.
        OSError: If a folder of `inputs` cannot be read.
    """
    names: dict[File, PurePosixPath] = {}
    for given in map(parse, inputs):
        kind = kind_of(given)
        if kind == "directory":
            for name in pictures_in(given, recursive, output):
                names.setdefault(given / name.as_posix(), name)
        elif kind:
            names[given] = PurePosixPath(given.name)
        else:
            raise ValueError(
                f"IN must be an existing file or folder. Received: {str(given)!r} (No such file or directory)"
            )
    if not names:
        raise ValueError(
            f"IN must be pictures, or folders that hold some ({', '.join(READABLE)})"
            f"{'' if recursive else ', or -r be given to search the folders within'}. "
            f"Received: {', '.join(repr(str(given)) for given in inputs) or 'none'}"
        )
    return names


def pictures_in(folder: File, recursive: bool, output: str | Path | None) -> Iterator[PurePosixPath]:
    """The paths, below a folder, of the files that have a picture's suffix: as `find_jobs` says."""
    here = identity(folder)
    results = here if output is None else identity(output)
    is_within = results != here and PurePosixPath(results).is_relative_to(here)
    for name in map(PurePosixPath, files_below(folder, recursive)):
        is_hidden = any(part.startswith(".") for part in name.parts)
        is_result = is_within and PurePosixPath(here, name).is_relative_to(results)
        if name.suffix.lower() in READABLE and not is_hidden and not is_result:
            yield name


def identity(given: str | Path) -> str:
    """What all names of one place share: the path without links, or the URL."""
    found = parse(given)
    return found.rstrip("/") if isinstance(found, Url) else Path(os.path.realpath(found)).as_posix()


def is_same(path: str | Path, other: str | Path) -> bool:
    """Whether two names lead to one place."""
    return identity(path) == identity(other)


def is_folder(output: str | Path, inputs: Sequence[str | Path]) -> bool:
    """Whether `output` means a folder for the results, rather than the one file to write."""
    single = len(inputs) == 1 and kind_of(parse(inputs[0])) != "directory"
    return not single or str(output).endswith(("/", os.sep)) or kind_of(parse(output)) == "directory"


def target_of(source: File, name: PurePosixPath, output: File | None, suffix: str, ext: str | None) -> File:
    """Where the result of one picture goes: beside it, or into the folder for all."""
    name = name.with_name(f"{name.stem}{suffix}{result_ending(name, ext)}")
    return source.parent / name.name if output is None else output / name.as_posix()


def result_ending(name: PurePosixPath, ext: str | None) -> str:
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
        first = next(str(job.target) for job in jobs if job.target in there)
        raise ValueError(f"OUT must not exist yet, or --overwrite or --skip-existing be given. Received: {first!r}")
