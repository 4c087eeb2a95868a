"""Which files of a folder are pairs: by the names that folders and files have in this field, and by their sizes.

Low resolution lies in `LR_bicubic/X4/0001x4.png` beside `HR/0001.png`, as in DIV2K, in `lr` beside `hr`, `LQ` beside
`GT`, as `0001_LR4.png` beside `0001_HR.png`; or in a folder of any name whose images are called as those of another one
and are smaller by the scale.
"""

import itertools
import logging
import os
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from keras_lisr.data.image_folder import image_files, images_below

HIGH, LOW = "high", "low"
WORDS = {"hr": HIGH, "gt": HIGH, "highres": HIGH, "lr": LOW, "lq": LOW, "lowres": LOW}
WORD = "|".join(WORDS)
# DIV2K_train_LR_bicubic, LRbicx4, GTmod12; X4; 0001_LR4, 0001x4, and 0001x4w1 of DIV2K's wild track.
ROLE_FOLDER = re.compile(rf"(?:(.*)[_-])?({WORD})((?:[_-]|bic|mod|x?\d).*)?", re.IGNORECASE)
SCALE_FOLDER = re.compile(r"x(\d)", re.IGNORECASE)
STEM = re.compile(rf"(?:({WORD})[_-])?(.+?)(?:[_-]({WORD})[_-]?x?(\d)?)?(?:[_-]?x(\d)(?:[mdw]\d?)?)?", re.IGNORECASE)
PART = re.compile(r"(?:^|[_-])(train|valid|test)(?=$|[_-])", re.IGNORECASE)

SHOWN = 10  # Of many.
COMPARED = 50  # Namesakes of two folders, whose sizes tell about the rest.
MOST_NAMESAKES = 8  # Where more folders count from 1, that tells nothing.

OTHER_PART, OTHER_SCALE, NO_ORIGINAL = "of another part", "of another scale", "without an original"


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
        context: Names of its folders, without what tells the role and the scale.
        stems: What its original may be called; of an original, what it is called itself.
    """

    file: Path
    path: Path
    role: str | None
    scale: int | None
    context: tuple[str, ...]
    stems: tuple[str, ...]

    @property
    def folder(self) -> str:
        """What its folder is called in messages."""
        return self.file.parent.name if self.path.parent == Path() else self.path.parent.as_posix()


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
    originals = [image for image in images if image.role != LOW and image.path.parent not in smaller]
    lows = [image for image in images if image not in set(originals)]
    given = [read_name(file, Path(low_resolution)) for file in image_files(low_resolution)] if low_resolution else lows
    belonging = match(originals, given, anywhere=bool(low_resolution))
    if not belonging and not any(image.role == HIGH for image in originals):
        originals, lows, given = images, [], []  # Their names mean something else.
    used = choose(belonging, scale)
    alone = [original.path.as_posix() for original in originals if original not in used]
    if alone and low_resolution:
        raise ValueError(
            f"`low_resolution` must hold an image for each one of `folder`. Received: "
            f"low_resolution={str(low_resolution)!r}, without {shorten(alone)}"
        )
    unused = dict.fromkeys(set(every) - set(images), OTHER_PART) | dict.fromkeys(lows + given, NO_ORIGINAL)
    for low, _ in belonging:
        instead = f"there are none for {shorten(alone)}" if alone else "others are used"
        unused[low] = instead if low.scale in (None, scale) else OTHER_SCALE
    used = {} if alone else used
    names = [name_of(original) for original in originals]
    if len(set(names)) < len(names):  # Of several folders.
        names = [original.path.as_posix() for original in originals]
    pairs = [PairFiles(name, original.file) for name, original in zip(names, originals, strict=True)]
    for i, original in enumerate(originals if used else ()):
        low = used[original]
        pairs[i] = pairs[i]._replace(low_resolution=low.file, source=low.folder)
        unused.pop(low, None)
    tell(folder, pairs, unused)
    return pairs


def read_names(folder: Path, low_resolution: str | Path | None) -> list[Named]:
    """The images of a folder but for those in `low_resolution`; of one of HR alone, those of LR beside it, too."""
    files = image_files(folder)
    if low_resolution:
        apart = Path(low_resolution).resolve()
        files = [file for file in files if not file.resolve().is_relative_to(apart)]
    images = [read_name(file, folder) for file in files]
    mark = ROLE_FOLDER.fullmatch(folder.name)
    if low_resolution or not mark or WORDS[mark[2].lower()] == LOW or LOW in {image.role for image in images}:
        return images
    for beside in sorted(folder.parent.iterdir()):
        other = ROLE_FOLDER.fullmatch(beside.name)
        if other and WORDS[other[2].lower()] == LOW and other[1] == mark[1]:
            files += images_below(beside)
    return [read_name(file, folder.parent) for file in files]


def read_name(file: Path, top: Path) -> Named:
    """What the name of an image says, and those of its folders below `top`."""
    path = file.relative_to(top)
    role, scales, context = None, [], []
    for folder in path.parts[:-1]:
        if mark := ROLE_FOLDER.fullmatch(folder):
            before, word, after = mark.groups(default="")
            role, scales = WORDS[word.lower()], re.findall(r"(\d)(?=$|[_-])", after)
            context += [before, *PART.findall(after)]
        elif mark := SCALE_FOLDER.fullmatch(folder):
            role = role or LOW
            scales.append(mark[1])
        else:
            context.append(folder)
    words = STEM.fullmatch(path.stem)
    assert words  # Every name is one.
    first, stem, last, *times = words.groups()
    said = WORDS.get((first or last or "").lower())
    role = said or role or (LOW if any(times) else None)
    scales += filter(None, times)
    stems = (path.stem, stem) if role == LOW else (stem if said else path.stem,)
    return Named(
        file,
        path,
        role,
        int(scales[-1]) if scales and role == LOW else None,
        tuple(dict.fromkeys(name.lower() for name in context if name)),
        tuple(name.lower() for name in stems),
    )


def of_part(images: Sequence[Named], part: str) -> list[Named]:
    """The images but for those of other parts of a data set, as far as the uppermost folders tell."""
    found = {image: PART.search(image.path.parts[0]) for image in images if len(image.path.parts) > 1}
    parts = {image: mark[1].lower() for image, mark in found.items() if mark}
    rest = [image for image in images if parts.get(image, part) == part]
    return rest if any(image in parts or image.role == HIGH for image in rest) else list(images)


def smaller_folders(images: Sequence[Named], scale: int) -> set[Path]:
    """Folders whose images are those of another one, beside or above them, smaller by the scale.

    Raises:
        ValueError: If images are those of another folder, but not smaller by the scale.
    """
    namesakes = defaultdict(list)
    for image in images:
        if image.role != LOW:
            namesakes[image.path.stem.lower()].append(image)
    of_two = defaultdict(list)
    for group in namesakes.values():
        for two in itertools.combinations(group if len(group) <= MOST_NAMESAKES else (), 2):
            folders = two[0].path.parent, two[1].path.parent
            if are_beside(*folders) and not two[0].role == two[1].role == HIGH:
                of_two[folders].append(two)
    counts = Counter(image.path.parent for image in images)
    smaller = set()
    for folders, found in of_two.items():
        if 2 * len(found) <= min(counts[folder] for folder in folders):
            continue
        compared = [sorted(two, key=lambda image: sides(image.file)) for two in spread(found)]
        alike = [(low, high) for low, high in compared if same_shape(sides(low.file), sides(high.file))]
        fitting = [low.path.parent for low, high in alike if low.role is None and fits(high.file, low.file, scale)]
        if 2 * len(fitting) > len(compared):
            smaller.add(Counter(fitting).most_common(1)[0][0])
        elif 2 * len(alike) > len(compared):
            refuse(alike[0][1].file, alike[0][0].file, scale)
    return smaller


def are_beside(folder: Path, other: Path) -> bool:
    """Whether two folders differ in one name, or one lies in the other."""
    if len(folder.parts) == len(other.parts):
        return sum(one != another for one, another in zip(folder.parts, other.parts, strict=True)) == 1
    return folder in other.parents[:1] or other in folder.parents[:1]


def match(originals: Sequence[Named], lows: Sequence[Named], anywhere: bool) -> list[tuple[Named, Named]]:
    """Each image of low resolution with the original, or those of one name, to which it belongs, if there is one.

    Args:
        originals: Images.
        lows: Images of low resolution.
        anywhere: Whether folders may have any name.
    """
    in_context, alone = defaultdict(list), defaultdict(list)
    for original in originals:
        (stem,) = original.stems
        in_context[original.context, stem].append(original)
        if anywhere or original.role is None:
            alone[stem].append(original)
    belonging = []
    for low in lows:
        for stem in low.stems:
            found = in_context[low.context, stem] or (alone[stem] if len(alone[stem]) == 1 else [])
            belonging += [(low, original) for original in found]
            if found:
                break
    return belonging


def choose(belonging: Sequence[tuple[Named, Named]], scale: int) -> dict[Named, Named]:
    """The image of low resolution for each original that has some of the scale.

    Raises:
        ValueError: If not one has the size that belongs to its original.
    """
    used: dict[Named, Named] = {}
    for low, original in sorted(belonging, key=lambda two: ("bicubic" not in str(two[0].path).lower(), two[0].path)):
        if low.scale in (None, scale):
            used.setdefault(original, low)
    compared = [(original.file, low.file) for original, low in spread(list(used.items()))]
    if compared and not any(fits(*files, scale) for files in compared):
        refuse(*compared[0], scale)
    return used


def sides(file: Path) -> tuple[int, ...]:
    """The sides of an image, the shorter one first, as cameras turn them; nothing if it cannot be read."""
    try:
        with Image.open(file) as image:
            return tuple(sorted(image.size))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return ()  # Reading it will tell.


def fits(high: Path, low: Path, scale: int) -> bool:
    """Whether two images are a pair by their sizes."""
    return tuple(side // scale for side in sides(high)) == sides(low)


def same_shape(small: tuple[int, ...], large: tuple[int, ...]) -> bool:
    """Whether images of two sizes may show the same, apart from copies of one size."""
    return small != large and () not in (small, large) and abs(small[0] * large[1] - small[1] * large[0]) < large[1]


def spread(items: Sequence) -> Sequence:
    """Some of many."""
    return items[:: max(1, len(items) // COMPARED)]


def refuse(high: Path, low: Path, scale: int) -> None:
    """Raises the error that two images have the same name and do not fit."""
    raise ValueError(
        f"`folder` must hold pairs that differ by x{scale} in size, or images of different names. Received: "
        f"{low}, {sides(low)}, beside {high}, {sides(high)}"
    )


def name_of(image: Named) -> str:
    """What a pair is called: the path of its original in the folder of the high resolution."""
    top = ROLE_FOLDER.fullmatch(image.path.parts[0])
    return Path(*image.path.parts[1:] if top and len(image.path.parts) > 1 else image.path.parts).as_posix()


def tell(folder: str | Path, pairs: Sequence[PairFiles], unused: Mapping[Named, str]) -> None:
    """Logs what was found; as a warning, if somebody may want what is not used."""
    sources = shorten(sorted({pair.source for pair in pairs}))
    counts = Counter((image.folder, reason) for image, reason in unused.items())
    not_used = [f"{count} of {where} ({reason})" for (where, reason), count in sorted(counts.items())]
    harmless = {OTHER_PART, OTHER_SCALE, *([NO_ORIGINAL] if pairs[0].low_resolution else [])}
    logging.getLogger(__name__).log(
        logging.INFO if harmless.issuperset(unused.values()) else logging.WARNING,
        "%s: %d images, low resolution from %s%s",
        folder,
        len(pairs),
        sources,
        f"; not used: {shorten(not_used)}" if not_used else "",
    )


def shorten(texts: Sequence[str]) -> str:
    """Names the first few of many."""
    more = f", and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return ", ".join(texts[:SHOWN]) + more
