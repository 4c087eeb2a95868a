"""Finds the pairs among the files of a folder, by the usual names of folders and files, and by their sizes.

Low resolution lies in `LR_bicubic/X4/0001x4.png` beside `HR/0001.png`, as in DIV2K, in `lr` beside `hr`, `LQ` beside
`GT`, as `0001_LR4.png` beside `0001_HR.png`, `lr.png` beside `hr.png`. Without such words, sizes decide: images whose
names differ from others' by a folder or words, the same for many, and that are smaller by the scale, belong to these.
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
# DIV2K_train_LR_bicubic, LRbicx4, GTmod12; X4; 0001_LR4, 0001x4, and 0001x4w1 of DIV2K's wild track.
ROLE_FOLDER = re.compile(rf"(?:(.*)[_-])?({WORD})((?:[_-]|bic|mod|x?\d).*)?", re.IGNORECASE)
SCALE_FOLDER = re.compile(r"x(\d)", re.IGNORECASE)
# HR0001, hr_0001, 0001_LR4, or hr and nothing else.
STEM = re.compile(
    rf"(?:({WORD})(?:[_-]|(?=\d)))?((?=(?:{WORD})$)|.+?)(?:(?:^|[_-])({WORD})[_-]?x?(\d)?)?"
    r"(?:[_-]?x(\d)(?:[mdw]\d?)?)?",
    re.IGNORECASE,
)
TOKEN = re.compile(r"\d+|[A-Z]+(?![a-z])|[A-Z]?[^\W\dA-Z_]+")
PART = re.compile(r"(?:^|[/_-])(train|val|test)(?:ing|id|idation)?(?=$|[/_-])")

SHOWN = 10  # Names in a message.
MOST_NAMESAKES = 8  # Where more folders count from 1, names mean nothing.
MOST_WORDS = 3  # In a row by which names differ, as 1_ground_truth from 1_input.
LOOKED_AT = 64  # Pairs, at least, whose sizes stand for those of all.

Kind = tuple[str, str]  # A folder, and words of a name.


class PairFiles(NamedTuple):
    """Files of one pair, and the folder of low resolution; without `low_resolution`, `imresize` makes it."""

    name: str
    high_resolution: Path
    low_resolution: Path | None = None
    source: str = "imresize"


class Named(NamedTuple):
    """The information in an image's name and those of its folders.

    Args:
        file: The image.
        path: Its path in the folder that is searched.
        role: `HIGH`, `LOW`, or None if unknown.
        scale: Upscaling factor that it is for, None if unknown.
        folders: Names of its folders, without role and scale.
        stems: Possible names of its original; for an original, its own.
    """

    file: Path
    path: Path
    role: str | None
    scale: int | None
    folders: tuple[str, ...]
    stems: tuple[str, ...]

    @property
    def folder(self) -> str:
        """Name of its folder in messages."""
        return self.file.parent.name if self.path.parent == Path() else self.path.parent.as_posix()

    @property
    def keys(self) -> list[tuple[str, ...]]:
        """Keys that it shares with its namesakes: its folders and a name; or all of them but one folder."""
        folders = self.folders
        return [(*folders[:i], *folders[i + 1 :], stem) for stem in self.stems for i in range(len(folders), -1, -1)]

    @property
    def kinds(self) -> dict[tuple[str, ...], Kind]:
        """Keys that it may share with its namesakes, and the folder and words that each leaves out."""
        named = self.role is None
        tokens = [token.lower() for token in TOKEN.findall(self.path.stem if named else self.stems[0])]
        stems = {" ".join(tokens): ""}
        for count in range(1, min(len(tokens), MOST_WORDS + 1)) if named else ():
            for start in range(len(tokens) - count, -1, -1):
                end = start + count
                stems.setdefault(" ".join((*tokens[:start], *tokens[end:])), " ".join(tokens[start:end]))
        if named and self.folders:
            stems.setdefault("", " ".join(tokens))
        found: dict[tuple[str, ...], Kind] = {}
        for stem, words in stems.items():
            for i, folder in reversed([*enumerate((*self.folders, ""))]):
                found.setdefault((*self.folders[:i], *self.folders[i + 1 :], stem), (folder, words))
        return {key: kind for key, kind in found.items() if any(key)}


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
    copies = {} if low_resolution else find_copies(images, scale)
    lows = [image for image in images if image.role == LOW or image in copies]
    originals = [image for image in images if image.role != LOW and image not in copies]
    if not originals:
        originals, lows = list(images), []  # Somebody wants low resolution enlarged further.
    if low_resolution:
        lows = [read_name(file, Path(low_resolution)) for file in image_files(low_resolution)]
    lows = [low for low in lows if low.scale in (None, scale)]
    used = {copies[low]: low for low in reversed(lows) if low in copies}
    used |= match(originals, lows, anywhere=bool(low_resolution))
    if used and not any(fits(sides(low), sides(original), scale) for original, low in used.items()):
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
    """Lists the images of a folder except those in `low_resolution`; for a folder of HR, also those of LR beside it."""
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
    """Returns the role and the scale in a folder's name, and its other words."""
    if mark := ROLE_FOLDER.fullmatch(name):
        before, word, after = mark.groups(default="")
        scale = re.search(r"(?<!\d)\d(?=$|[_-])", after)
        return WORDS[word.lower()], scale and scale[0], [*filter(None, [before.lower()]), *PART.findall(after.lower())]
    if mark := SCALE_FOLDER.fullmatch(name):
        return LOW, mark[1], []
    return None, None, [name.lower()]


def read_name(file: Path, top: Path) -> Named:
    """Reads the name of an image, and those of its folders below `top`."""
    path = file.relative_to(top)
    role, scale, names = None, None, []
    for folder in path.parts[:-1]:
        folder_role, folder_scale, others = read_folder_name(folder)
        role, scale = folder_role or role, folder_scale or scale
        names += others
    words = STEM.fullmatch(path.stem.lower())
    assert words  # Every name is one.
    first, stem, last, *times = words.groups()
    said = WORDS.get(first or last)
    role = said or role or (LOW if any(times) else None)
    scale = (times[1] or times[0] or scale) if role == LOW else None
    stems = (path.stem.lower(), stem) if role == LOW else (stem if said else path.stem.lower(),)
    return Named(file, path, role, scale and int(scale), tuple(dict.fromkeys(names)), stems)


def of_part(images: Sequence[Named], part: str) -> Sequence[Named]:
    """Returns the images except those in folders of other parts of a data set."""
    parts = {image: PART.findall(image.path.parent.as_posix().lower()) for image in images}
    rest = [image for image in images if any(part.startswith(one) for one in parts[image] or [part])]
    return rest if any(parts[image] or image.role == HIGH for image in rest) else images


def find_copies(images: Sequence[Named], scale: int) -> dict[Named, Named]:
    """Returns the images that are smaller by the scale than a namesake, and that namesake, where no word says so.

    Raises:
        ValueError: If namesakes are smaller by another factor, or many images have several larger namesakes.
    """
    namesakes, counts = defaultdict(list), Counter[Kind]()
    for image in images:
        if image.role != LOW:
            counts.update({*image.kinds.values()})
            for key, kind in image.kinds.items():
                namesakes[key].append((kind, image))
    of_two = defaultdict(list)
    for group in namesakes.values():
        for one, other in itertools.combinations(sorted(group) if len(group) <= MOST_NAMESAKES else (), 2):
            kinds = one[0], other[0]
            if distance(kinds) and not one[1].role == other[1].role == HIGH:
                of_two[kinds].append((one[1], other[1]))
    copies: dict[Named, set[Named]] = defaultdict(set)
    doubtful: dict[Named, Named] = {}
    for _, nearest in itertools.groupby(sorted(of_two, key=distance), distance):
        known = {*copies}
        for kinds in nearest:
            pairs = [two for two in of_two[kinds] if known.isdisjoint(two)]
            if 2 * len(pairs) <= min(counts[kind] for kind in kinds):
                continue
            step = len(pairs) // LOOKED_AT + 1
            sizes = [(sides(one), sides(other)) for one, other in pairs[::step]]
            if 2 * sum(one > other for one, other in sizes) > len(sizes):  # Low resolution first.
                pairs, sizes = [two[::-1] for two in pairs], [two[::-1] for two in sizes]
            alike = [i for i, two in enumerate(sizes) if same_shape(*two)]
            if 2 * len(alike) <= len(sizes):
                continue
            words = "".join(words for _, words in kinds)
            is_numbered = any(map(str.isdigit, words))
            small, large = sizes[alike[0]]
            if pairs[0][0].role is None and 2 * sum(fits(*sizes[i], scale) for i in alike) > len(alike):
                if is_numbered and len(pairs) == 1:
                    doubtful |= pairs
                else:
                    for low, high in pairs:
                        copies[low].add(high)
            elif not words or (
                not is_numbered and 4 * len(pairs) > len(images) and fits(small, large, large[0] // small[0])
            ):
                refuse(*pairs[alike[0] * step], scale)
    doubtful |= {low: min(highs) for low, highs in copies.items() if len(highs) > 1}
    if len(doubtful) > max(1, len(images) // 4):
        low, high = next(iter(doubtful.items()))
        raise ValueError(
            "`folder` must hold pairs whose names tell what belongs together, unless `low_resolution` (--low) is "
            f"given. Received: {len(doubtful)} images that are smaller by x{scale} than one of a like name, as "
            f"{low.file} is than {high.file}"
        )
    return {low: min(highs) for low, highs in copies.items()}


def distance(kinds: tuple[Kind, Kind]) -> int:
    """Counts the words that two names do not share; 0 if they share one, or their folder."""
    folders, words = zip(*kinds, strict=True)
    one, other = ({*each.split()} for each in words)
    if one & other or folders[0] == folders[1] != "":
        return 0
    return len(set.symmetric_difference(*({*re.findall(r"[^\W_]+", each)} for each in folders))) + len(one | other)


def match(originals: Sequence[Named], lows: Sequence[Named], anywhere: bool) -> dict[Named, Named]:
    """Returns the low-resolution image for each original that has one by its name; of several, the bicubic one.

    An original that is marked as such has its low resolution in folders of the same names, or else `anywhere`.
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
    """Returns the sides of an image, the shorter one first, as cameras turn them; nothing if it is broken."""
    try:
        with open_file(image.file) as opened:
            return tuple(sorted(opened.size))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return ()  # It raises when it is read.


def fits(small: tuple[int, ...], large: tuple[int, ...], scale: int) -> bool:
    """Checks whether images of two sizes may be a pair."""
    return tuple(side // scale for side in large) == small


def same_shape(small: tuple[int, ...], large: tuple[int, ...]) -> bool:
    """Checks whether images of different sizes have the same aspect ratio."""
    return small != large and () not in (small, large) and abs(small[0] * large[1] - small[1] * large[0]) < large[1]


def refuse(low: Named, high: Named, scale: int) -> NoReturn:
    """Raises the error that two images have the same name and do not fit."""
    raise ValueError(
        f"`folder` must hold pairs that differ by x{scale} in size, or images of different names, unless "
        f"`low_resolution` (--low) is given. Received: {low.file}, {sides(low)}, beside {high.file}, {sides(high)}"
    )


def shorten(texts: Sequence[str]) -> str:
    """Names the first few of many."""
    more = f", and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return ", ".join(texts[:SHOWN]) + more
