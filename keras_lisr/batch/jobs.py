"""Finds the pictures to upscale and names their results: files, or URLs of storage that fsspec knows."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from keras_lisr.basics.picture_suffixes import READABLE
from keras_lisr.batch.storage import File, Url, files_below, find_existing, kind_of, parse
from keras_lisr.pictures.formats import FORMATS, format_of
from keras_lisr.pictures.kinds import is_readable

AS_INPUT = "auto"
FOLDERS, RESULTS, TWICE = "folders", "results", "given twice"  # Kinds of unused inputs.
MOST_KINDS = 10


@dataclass(frozen=True)
class Job:
    """One picture to upscale.

    Args:
        source: Path or URL to read.
        target: Path or URL to write, in the format of its suffix.
    """

    source: File
    target: File


class Jobs(list[Job]):
    """Pictures to upscale, and a count of everything else that was found.

    Args:
        jobs: Pictures to upscale.
        unused: Everything else, counted by kind: the suffix of files that are not pictures; in words, folders, hidden
            files, files given twice and results of an earlier run.
    """

    def __init__(self, jobs: Iterable[Job], unused: Counter[str]):
        super().__init__(jobs)
        self.unused = unused


def find_jobs(
    inputs: Sequence[str | Path],
    output: str | Path | None = None,
    *,
    recursive: bool = False,
    suffix: str = "",
    ext: str | None = None,
) -> Jobs:
    """Finds pictures and names their results.

    In a folder, files with the suffix of a picture format count; those of HEIC and JPEG XL only where the installed
    libvips decodes them. Hidden files, linked folders and the output folder are left out. A link to a file is read, and
    its result has the link's name.

    Args:
        inputs: Paths or URLs of files and folders.
        output: Folder for the results, which keeps the tree below each input folder. With a single input file, it is
            the file to write, unless it is a folder or ends in a slash. By default, results lie beside their sources.
        recursive: Whether to search folders within folders.
        suffix: Added to each name, before its extension.
        ext: Format of the results, as the extension without the dot: png, jpg, webp, tif, avif and others, or "auto"
            for that of the source, PNG where it cannot be written. By default, PNG, or that of the file to write.

    Returns:
        The jobs, in the order of `inputs` and, within a folder, of the paths. Their `unused` counts what was left out,
        among it pictures that are the result of another one: an earlier run made them.

    Raises:
        ValueError: If a file or folder does not exist, there is no picture or no such format, two pictures would have
            the same result, or a result would replace a source.
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
        raise ValueError(f"`suffix` must be part of a file name. Received: suffix={suffix!r}")
    unused: Counter[str] = Counter()
    names = find_sources(inputs, output, recursive, unused)
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
    made: dict[str, File] = {}  # Sources of the results.
    for job in jobs:
        other = made.setdefault(identity(job.target), job.source)
        if other is not job.source:
            raise ValueError(
                "Results must have different names: upscale these separately, or with `ext` auto, which keeps the "
                f"extensions. Received: {str(other)!r} and {str(job.source)!r}, both for {str(job.target)!r}"
            )
    given = set(map(parse, inputs))
    kept = []
    for job in jobs:
        source = identity(job.source)
        if source not in made:
            kept.append(job)
        elif job.source in given or source == identity(job.target):
            raise ValueError(f"OUT must be another file than IN. Received: {str(job.source)!r}")
        else:
            unused[RESULTS] += 1
    return Jobs(kept, unused)


def find_sources(
    inputs: Sequence[str | Path], output: str | Path | None, recursive: bool, unused: Counter[str]
) -> dict[File, PurePosixPath]:
    """Finds the pictures and counts the rest in `unused`. The other arguments and the errors are those of `find_jobs`.

    Returns:
        For each picture, its path below the folder that was searched, or its name if it was given itself.
    """
    names: dict[File, PurePosixPath] = {}
    for given in map(parse, inputs):
        kind = kind_of(given)
        if not kind:
            raise ValueError(
                f"IN must be an existing file or folder. Received: {str(given)!r} (No such file or directory)"
            )
        is_file = kind == "file"
        for name in [PurePosixPath(given.name)] if is_file else pictures_in(given, recursive, output, unused):
            file = given if is_file else given / name.as_posix()
            if file in names:
                unused[TWICE] += 1
            names.setdefault(file, name)
    if not names:
        received = ", ".join(repr(str(given)) for given in inputs) or "none"
        if described := describe_unused(unused):
            received += f" ({described})"
        raise ValueError(
            f"IN must be pictures, or folders with pictures ({', '.join(READABLE)})"
            f"{'' if recursive else ', or come with -r to search folders within folders'}. Received: {received}"
        )
    return names


def pictures_in(
    folder: File, recursive: bool, output: str | Path | None, unused: Counter[str]
) -> Iterator[PurePosixPath]:
    """Finds the pictures in a folder as `find_jobs` says: their paths below it."""
    here = identity(folder)
    results = here if output is None else identity(output)
    within = results.removeprefix(f"{here}/") if results.startswith(f"{here}/") else None
    found = files_below(folder, recursive)
    if not found:
        unused["empty folders"] += 1
    for path in found:
        name = PurePosixPath(path)
        if within and name.is_relative_to(within):
            unused[RESULTS] += 1
        elif any(part.startswith(".") for part in name.parts):
            unused["hidden"] += 1
        elif path.endswith("/"):
            unused[FOLDERS] += 1
        elif is_readable(name.suffix):
            yield name
        else:
            unused[name.suffix or "without an extension"] += 1


def describe_unused(unused: Counter[str]) -> str:
    """Describes what was found but not used, in one line; empty if nothing.

    Example:

    >>> describe_unused(Counter({".HEIC": 1, ".txt": 3, "folders": 1}))
    '4 files and 1 folder not tried: .txt 3, .HEIC 1'
    """
    folders = unused[FOLDERS]
    kinds = Counter({kind: count for kind, count in unused.items() if kind != FOLDERS})
    files, shown = kinds.total(), dict(kinds.most_common(MOST_KINDS))
    if others := files - sum(shown.values()):
        shown["others"] = others
    counts = ((files, "file"), (folders, "folder"))
    described = " and ".join(f"{count} {what}{'s' * (count > 1)}" for count, what in counts if count)
    which = ", ".join(f"{kind} {count}" for kind, count in shown.items())
    return f"{described} not tried{': ' * bool(which)}{which}" if described else ""


def identity(given: str | Path) -> str:
    """Returns what all names of one place share: the path without links, or the URL."""
    found = parse(given)
    if isinstance(found, Url):
        return found.rstrip("/")
    return Path(os.path.realpath(found)).as_posix()


def is_folder(output: str | Path, inputs: Sequence[str | Path]) -> bool:
    """Checks whether `output` is a folder for the results rather than the one file to write."""
    single = len(inputs) == 1 and kind_of(parse(inputs[0])) != "directory"
    return not single or str(output).endswith(("/", os.sep)) or kind_of(parse(output)) == "directory"


def target_of(source: File, name: PurePosixPath, output: File | None, suffix: str, ext: str | None) -> File:
    """Returns the file for the result of one picture: beside it, or in the output folder."""
    ending = f".{ext or 'png'}"
    if ext == AS_INPUT:
        ending = name.suffix if name.suffix.lower() in FORMATS else ".png"
    name = name.with_name(f"{name.stem}{suffix}{ending}")
    return source.parent / name.name if output is None else output / name.as_posix()


def check_free(jobs: Sequence[Job]) -> None:
    """Raises a ValueError if a target exists."""
    there = find_existing(job.target for job in jobs)
    if there:
        first = next(str(job.target) for job in jobs if job.target in there)
        raise ValueError(f"OUT must not exist yet, or --overwrite or --skip-existing be given. Received: {first!r}")
