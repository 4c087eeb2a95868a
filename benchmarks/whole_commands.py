"""Whole commands beside the engine alone: what start, reading, colours and writing add, and the memory that they take.

A small JPEG, a folder of pictures of a megapixel, and a JPEG of 24 megapixels at x2, made of the photographs of a
folder. The engine alone is what the command chose, asked for the same pictures in memory.

    python -m benchmarks.whole_commands photographs
    python -m benchmarks.whole_commands photographs --only small --options --precision int8
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

SMALL, MEGAPIXEL, LARGE = (240, 160), (1024, 1024), (6000, 4000)


class Case(NamedTuple):
    """Pictures to upscale.

    Args:
        size: Width and height.
        count: How many.
        model: Preset.
    """

    size: tuple[int, int]
    count: int
    model: str


CASES = {
    "small": Case(SMALL, 1, "imdn_x4"),
    "folder": Case(MEGAPIXEL, 50, "imdn_x4"),
    "large": Case(LARGE, 1, "imdn_x2"),
}


def draw(photographs: Sequence[Path], case: Case, folder: Path) -> None:
    """Writes JPEGs of a size: photographs side by side until they fill it."""
    width, height = case.size
    for i in range(case.count):
        canvas = Image.new("RGB", case.size)
        left = top = row = 0
        for file in [*photographs[i:], *photographs[:i]] * 100:
            with Image.open(file) as photograph:
                canvas.paste(photograph.convert("RGB"), (left, top))
                left, row = left + photograph.width, max(row, photograph.height)
            if left >= width:
                left, top, row = 0, top + row, 0
            if top >= height:
                break
        canvas.save(folder / f"{i:03}.jpg", quality=92)


def run_command(folder: Path, case: Case, options: Sequence[str]) -> tuple[float, float, dict[str, str]]:
    """Seconds and MiB of the command, and what its log says of the engine."""
    with tempfile.TemporaryDirectory() as out:
        source = folder if case.count > 1 else next(folder.glob("*.jpg"))
        target = Path(out) / ("results" if case.count > 1 else "result.png")
        log = Path(out) / "log"
        command = [sys.executable, "-c", PROGRAM, "upscale", source, "-n", case.model, "-o", target, "--json", log]
        begin = time.perf_counter()
        done = subprocess.run([*map(str, command), *options], capture_output=True, text=True, check=True)
        seconds = time.perf_counter() - begin
        return seconds, float(done.stderr.splitlines()[-1]), json.loads(log.read_text().splitlines()[-1])


PROGRAM = """
import sys
from keras_lisr.cli import main
code = main(sys.argv[1:])
status = open("/proc/self/status").read()
print(int(status.partition("VmHWM:")[2].split()[0]) / 1024, file=sys.stderr)
sys.exit(code)
"""


def run_engine(folder: Path, case: Case, engine: str, precision: str) -> float:
    """Seconds of the engine alone."""
    from keras_lisr.batch import Plan

    upscale = Plan(engine=engine, precision=precision).load(case.model)
    pictures = [np.asarray(Image.open(file)) for file in sorted(folder.glob("*.jpg"))]
    upscale(pictures[0][:64, :64])
    begin = time.perf_counter()
    for picture in pictures:
        for _ in upscale.bands(picture):
            pass
    return time.perf_counter() - begin


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--count", type=int, help="pictures in the folder")
    parser.add_argument("--rounds", type=int, default=3, help="of which the fastest count")
    parser.add_argument("--options", nargs=argparse.REMAINDER, default=[], help="of the command; the last flag")
    flags = parser.parse_args()
    photographs = sorted(
        file for file in flags.photographs.iterdir() if re.search(r"(jpe?g|png|avif|webp)$", file.name)
    )
    print("| pictures | command | engine alone | ratio | memory | engine |\n| --- | ---: | ---: | ---: | ---: | --- |")
    for name in flags.only:
        case = CASES[name]
        if flags.count and case.count > 1:
            case = case._replace(count=flags.count)
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            draw(photographs, case, folder)
            rounds = []
            for _ in range(flags.rounds):
                seconds, memory, log = run_command(folder, case, flags.options)
                rounds.append((seconds, run_engine(folder, case, log["engine"], log["precision"])))
            seconds, alone = map(min, zip(*rounds, strict=True))
        width, height = case.size
        pictures = f"{case.count} of {width} x {height}, `{case.model}`"
        cells = [pictures, f"{seconds:.2f} s", f"{alone:.2f} s", f"{seconds / alone:.2f}", f"{memory:.0f} MiB"]
        print(f"| {' | '.join([*cells, ' '.join((log['engine'], log['precision']))])} |", flush=True)


if __name__ == "__main__":
    main()
