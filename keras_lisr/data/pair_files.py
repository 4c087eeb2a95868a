"""Which files of a folder are pairs: by the names that folders and files have in this field, and by their sizes.

Low resolution lies in `LR_bicubic/X4/0001x4.png` beside `HR/0001.png`, as in DIV2K, in `lr` beside `hr`, `LQ` beside
`GT`, as `0001_LR4.png` beside `0001_HR.png`, `lr.png` beside `hr.png`; or in a folder of any name whose images are
called as those of another one and are smaller by the scale.
"""

import itertools
import logging
import os
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from PIL import Image

from keras_lisr.data.image_folder import image_files, images_below, open_file

HIGH, LOW = "high", "low"
WORDS = {"hr": HIGH, "gt": HIGH, "highres": HIGH, "lr": LOW, "lq": LOW, "lowres": LOW}
WORD = "|".join(WORDS)
LAST_WORDS = WORDS | {"high": HIGH, "low": LOW}  # At the end of names; elsewhere they may tell of tides.
LAST_WORD = "|".join(LAST_WORDS)
# DIV2K_train_LR_bicubic, LRbicx4, GTmod12; X4; 0001_LR4, 0001x4, and 0001x4w1 of DIV2K's wild track.
ROLE_FOLDER = re.compile(rf"(?:(.*)[_-])?({WORD})((?:[_-]|bic|mod|x?\d).*)?", re.IGNORECASE)
SCALE_FOLDER = re.compile(r"x(\d)", re.IGNORECASE)
# HR0001, hr_0001, 0001_LR4, 0001_low, or hr and nothing else.
STEM = re.compile(
    rf"(?:({WORD})(?:[_-]|(?=\d)))?((?=(?:{LAST_WORD})$)|.+?)(?:(?:^|[_-])({LAST_WORD})[_-]?x?(\d)?)?"
    r"(?:[_-]?x(\d)(?:[mdw]\d?)?)?",
    re.IGNORECASE,
)
PART = re.compile(r"(?:^|[/_-])(train|val|test)(?:ing|id|idation)?(?=$|[/_-])")

SHOWN = 10  # Of many.
MOST_NAMESAKES = 8  # Where more folders count from 1, that tells nothing.


class PairFiles(NamedTuple):
    """Files of one pair, and the folder of low resolution; without `low_resolution`, `imresize` makes it."""

    name: str
    high_resolution: Path
    low_resolution: Path | None = None
    source: str = "imresize"


class Named(NamedTuple):
    """What an image's name and those of its folders say of it.

    Args:
        file: The image.
        path: Where it lies in the folder that is searched.
        role: `HIGH`, `LOW`, or None where nothing is said.
        scale: Upscaling factor that it is for, None where nothing is said.
        folders: Names of its folders, without what tells the role and the scale.
        stems: What its original may be called; of an original, what it is called itself.
    """

    file: Path
    path: Path
    role: str | None
    scale: int | None
    folders: tuple[str, ...]
    stems: tuple[str, ...]

    @property
    def folder(self) -> str:
        """What its folder is called in messages."""
        return self.file.parent.name if self.path.parent == Path() else self.path.parent.as_posix()

    @property
    def keys(self) -> list[tuple[str, ...]]:
        """What it shares with its namesakes: its folders and a name; or all of them but one folder."""
        folders = self.folders
        return [(*folders[:i], *folders[i + 1 :], stem) for stem in self.stems for i in range(len(folders), -1, -1)]


def find_pairs(
    folder: str | Path, scale: int, part: str = "train", low_resolution: str | Path | None = None
) -> list[PairFiles]:
    """Lists the images of a folder and those of low resolution that belong to them, and logs what was found, in a line.

    Low resolution is used if there is some for every image; of several kinds, bicubic.

    Args:
        folder: Folder to search, with those below it; or that of the high resolution alone, beside the other.
        scale: Upscaling factor.
        part: Part of a data set that is taken where `folder` holds several, `DIV2K_train_HR` and `DIV2K_valid_HR`.
        low_resolution: Folder of the low resolution, where names and sizes do not tell it.

    Raises:
        ValueError: If there are no images, namesakes do not differ by the scale, or `low_resolution` lacks some.
    """
    every = read_names(Path(os.path.abspath(folder)), low_resolution)
    images = of_part(every, part)
    smaller = set() if low_resolution else smaller_folders(images, scale)
    lows = [image for image in images if image.role == LOW or image.path.parent in smaller]
    originals = [image for image in images if image.role != LOW and image.path.parent not in smaller]
    if not originals:
        originals, lows = list(images), []  # Somebody wants low resolution enlarged further.
    if low_resolution:
        lows = [read_name(file, Path(low_resolution)) for file in image_files(low_resolution)]
    lows = [low for low in lows if low.scale in (None, scale)]
    used = match(originals, lows, anywhere=bool(low_resolution))
    if used and not any(fits(low, original, scale) for original, low in used.items()):
        original, low = next(iter(used.items()))
        refuse(low, original, scale)
    alone = [original.path.as_posix() for original in originals if original not in used]
    if alone and low_resolution:
        raise ValueError(
            f"`low_resolution` must hold an image for each one of `folder`. Received: "
            f"low_resolution={str(low_resolution)!r}, without {shorten(alone)}"
        )
    top = os.path.commonpath([original.file.parent for original in originals])
    pairs = [PairFiles(original.file.relative_to(top).as_posix(), original.file) for original in originals]
    if not alone:
        for i, original in enumerate(originals):
            pairs[i] = pairs[i]._replace(low_resolution=used[original].file, source=used[original].folder)
    taken = {file for pair in pairs for file in (pair.high_resolution, pair.low_resolution)}
    unused = Counter(image.folder for image in {*every, *lows} if image.file not in taken)
    not_used = [f"{count} of {where}" for where, count in sorted(unused.items())]
    is_wanted = any(low.file not in taken for low in lows)
    logging.getLogger(__name__).log(
        logging.WARNING if is_wanted else logging.INFO,
        "%s: %d images, low resolution from %s%s%s",
        folder,
        len(pairs),
        shorten(sorted({pair.source for pair in pairs})),
        f", as there is none for {shorten(alone)}" if is_wanted and alone else "",
        f"; not used: {shorten(not_used)}" if not_used else "",
    )
    return pairs


def read_names(folder: Path, low_resolution: str | Path | None) -> list[Named]:
    """The images of a folder but for those in `low_resolution`; of one of HR alone, those of LR beside it, too."""
    files = image_files(folder)
    role, _, names = read_folder_name(folder.name)
    if low_resolution:
        apart = Path(low_resolution).resolve()
        files = [file for file in files if not file.parent.resolve().is_relative_to(apart)]
    elif role == HIGH:
        beside = [other for other in folder.parent.iterdir() if read_folder_name(other.name)[::2] == (LOW, names)]
        if lows := [file for other in sorted(beside) for file in images_below(other)]:
            files, folder = files + lows, folder.parent
    return [read_name(file, folder) for file in files]


def read_folder_name(name: str) -> tuple[str | None, str | None, list[str]]:
    """The role and the scale that a folder's name tells, and what else it says."""
    if mark := ROLE_FOLDER.fullmatch(name):
        before, word, after = mark.groups(default="")
        scale = re.search(r"(?<!\d)\d(?=$|[_-])", after)
        return WORDS[word.lower()], scale and scale[0], [*filter(None, [before.lower()]), *PART.findall(after.lower())]
    if mark := SCALE_FOLDER.fullmatch(name):
        return LOW, mark[1], []
    return None, None, [name.lower()]


def read_name(file: Path, top: Path) -> Named:
    """What the name of an image says, and those of its folders below `top`."""
    path = file.relative_to(top)
    role, scale, names = None, None, []
    for folder in path.parts[:-1]:
        folder_role, folder_scale, others = read_folder_name(folder)
        role, scale = folder_role or role, folder_scale or scale
        names += others
    words = STEM.fullmatch(path.stem.lower())
    assert words  # Every name is one.
    first, stem, last, *times = words.groups()
    said = LAST_WORDS.get(first or last)
    role = said or role or (LOW if any(times) else None)
    scale = (times[1] or times[0] or scale) if role == LOW else None
    stems = (path.stem.lower(), stem) if role == LOW else (stem if said else path.stem.lower(),)
    return Named(file, path, role, scale and int(scale), tuple(dict.fromkeys(names)), stems)


def of_part(images: Sequence[Named], part: str) -> Sequence[Named]:
    """The images but for those of other parts of a data set, as far as the folders tell."""
    parts = {image: PART.findall(image.path.parent.as_posix().lower()) for image in images}
    rest = [image for image in images if any(part.startswith(one) for one in parts[image] or [part])]
    return rest if any(parts[image] or image.role == HIGH for image in rest) else images


def smaller_folders(images: Sequence[Named], scale: int) -> set[Path]:
    """Folders that no name tells of, most of whose images are those of another one, smaller by the scale.

    Raises:
        ValueError: If they are those of another one, but not smaller by the scale.
    """
    namesakes = defaultdict(list)
    for image in images:
        for key in image.keys if image.role != LOW else ():
            namesakes[key].append(image)
    of_two = defaultdict(list)
    for group in namesakes.values():
        for two in itertools.combinations(group if len(group) <= MOST_NAMESAKES else (), 2):
            folders = two[0].path.parent, two[1].path.parent
            if folders[0] != folders[1] and not two[0].role == two[1].role == HIGH:
                of_two[folders].append(sorted(two, key=sides))
    counts = Counter(image.path.parent for image in images)
    smaller = set()
    for folders, found in of_two.items():
        alike = [(low, high) for low, high in found if same_shape(sides(low), sides(high))]
        if 2 * len(alike) <= min(counts[folder] for folder in folders):
            continue
        fitting = [low.path.parent for low, high in alike if low.role is None and fits(low, high, scale)]
        if 2 * len(fitting) <= len(alike):
            refuse(*alike[0], scale)
        smaller.add(fitting[0])
    return smaller


def match(originals: Sequence[Named], lows: Sequence[Named], anywhere: bool) -> dict[Named, Named]:
    """The image of low resolution for each original that has one by its name; of several, that of bicubic.

    An original that is marked as such has its low resolution in folders of the same names, or, if told so, `anywhere`.
    """
    namesakes = defaultdict(list)
    for original in originals:
        for key in original.keys if anywhere or original.role is None else original.keys[:1]:
            namesakes[key].append(original)
    used: dict[Named, Named] = {}
    for low in sorted(lows, key=lambda low: ("bicubic" not in str(low.path).lower(), low.path)):
        for key in low.keys:
            found = [original for original in namesakes[key] if original.keys[0] == key] or namesakes[key]
            if len(found) == 1:
                used.setdefault(found[0], low)
                break
    return used


def sides(image: Named) -> tuple[int, ...]:
    """The sides of an image, the shorter one first, as cameras turn them; nothing if it cannot be read."""
    try:
        with open_file(image.file) as opened:
            return tuple(sorted(opened.size))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return ()  # Reading it will tell.


def fits(low: Named, high: Named, scale: int) -> bool:
    """Whether two images are a pair by their sizes."""
    return tuple(side // scale for side in sides(high)) == sides(low)


def same_shape(small: tuple[int, ...], large: tuple[int, ...]) -> bool:
    """Whether images of two sizes may show the same, apart from copies of one size."""
    return small != large and () not in (small, large) and abs(small[0] * large[1] - small[1] * large[0]) < large[1]


def refuse(low: Named, high: Named, scale: int) -> NoReturn:
    """Raises the error that two images have the same name and do not fit."""
    raise ValueError(
        f"`folder` must hold pairs that differ by x{scale} in size, or images of different names. Received: "
        f"{low.file}, {sides(low)}, beside {high.file}, {sides(high)}"
    )


def shorten(texts: Sequence[str]) -> str:
    """Names the first few of many."""
    more = f", and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return ", ".join(texts[:SHOWN]) + more
