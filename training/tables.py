"""What table_1.py and table_2.py share: networks trained in the same way, measured, timed, printed beside the paper.

Every cell has the same steps, patches in the same order and rule of the learning rate: the recipe's own, or twice that
where the cell says so. The paper trained its strategies at twice the original's and does not say what the rest had. So
CWSS comes at either, and the plain network too.

A cell is trained once for each seed, in a folder of its own; a table that was interrupted goes on where it stopped.
"""

import argparse
import dataclasses
import json
import runpy
import statistics
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import keras

from keras_lisr.basics.parser import Parser
from keras_lisr.basics.whole_files import write_whole
from keras_lisr.data import BenchmarkSet, ImagePairs, find_benchmark_set
from keras_lisr.evaluation import evaluate, parameters
from keras_lisr.inference import Upscaler
from keras_lisr.inference.precision import fast_bfloat16
from keras_lisr.training import Recipe, fit
from keras_lisr.training.command import amount, positive_integer, read_data, run_program
from keras_lisr.zoo import load_model

SCALE = 4
VALIDATED = 4  # Images after each cell, to see that it has learnt; nothing is chosen by them.
ROUNDS = 3  # Of timing.
RESULT = "result.json"


@dataclasses.dataclass(frozen=True)
class Cell:
    """One network of a table.

    Args:
        name: What it is called.
        recipe: How it is trained, but for the steps and patches, which are the table's.
        published: What the paper says of it.
    """

    name: str
    recipe: Recipe
    published: str

    @property
    def folder(self) -> str:
        """Name of its folder."""
        return "".join(letter if letter.isalnum() else "_" for letter in self.name)


def cell(name: str, architecture: str, published: str = "", *, twice: bool = False, **options) -> Cell:
    """A network by the recipe of its architecture, at the plain network's learning rate or at twice that."""
    recipe = runpy.run_path(str(Path(__file__).with_name(f"{architecture}.py")))["recipe"]
    plain = recipe(SCALE)
    learning_rate = 2 * plain.learning_rate if twice else plain.learning_rate
    title = f"{name}, learning rate x2" if twice else name
    return Cell(title, dataclasses.replace(recipe(SCALE, **options), learning_rate=learning_rate), published)


def main(title: str, cells: Sequence[Cell], argv: Sequence[str] | None = None) -> int:
    """Trains what is missing, measures it and prints the table.

    Returns:
        Exit code, as that of a recipe.
    """
    return run_program(argument_parser(title), partial(run, title, cells), argv)


def argument_parser(title: str) -> Parser:
    """The flags."""
    parser = Parser(description=title, allow_abbrev=False)
    parser.add_argument("--data", type=Path, required=True, help="folder of images, or of pairs")
    parser.add_argument("--evaluate", nargs="+", default=["set5"], metavar="SET", help="folders of benchmark sets")
    parser.add_argument("--data-root", type=Path, metavar="FOLDER", help="of the sets (default: $KERAS_LISR_DATA)")
    parser.add_argument("--output", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--steps", type=positive_integer, required=True)
    parser.add_argument("--batch-size", type=positive_integer, default=16)
    parser.add_argument("--patch-size", type=positive_integer, default=192)
    parser.add_argument(
        "--faster", type=amount, default=1.0, metavar="TIMES", help="all learning rates so many times, for few steps"
    )
    parser.add_argument("--seeds", type=positive_integer, default=3, help="how many runs of each cell")
    parser.add_argument("--precision", default="auto", choices=["auto", "float32", "mixed_bfloat16", "mixed_float16"])
    parser.add_argument("--cells", nargs="+", metavar="TEXT", help="only those whose names hold one of these")
    return parser


def run(title: str, cells: Sequence[Cell], flags: argparse.Namespace) -> None:
    """Trains and measures what has no result yet, and prints the table."""
    cells = [cell for cell in cells if any(text in cell.name for text in flags.cells or [""])]
    if not cells:
        raise ValueError(f"`cells` must be in the name of a network. Received: cells={flags.cells}")
    if flags.steps > 1000 and flags.steps % 1000:  # Epochs are whole.
        raise ValueError(f"`steps` must be at most 1000, or a multiple of it. Received: steps={flags.steps}")
    sets = [BenchmarkSet(find_benchmark_set(name, flags.data_root), SCALE) for name in flags.evaluate]
    if flags.precision == "auto":
        flags.precision = "mixed_bfloat16" if fast_bfloat16() else "float32"
    settings = {name: getattr(flags, name) for name in ("steps", "batch_size", "patch_size", "precision", "faster")}
    require_same_settings(flags.output, {**settings, "data": str(flags.data.resolve())})
    runs = [(seed, cell) for seed in range(flags.seeds) for cell in cells]
    missing = [(seed, cell) for seed, cell in runs if not result_file(flags, cell, seed).exists()]
    if missing:
        images, validation = read_data(flags.data, SCALE, flags.patch_size, flags.output / "cache")
        validation = validation.select(validation.names[:VALIDATED])
    for number, (seed, cell) in enumerate(missing, start=1):
        sys.stderr.write(f"[{number} of {len(missing)}] {cell.name}, seed {seed}\n")
        keras.utils.clear_session()
        train(cell, seed, images, validation, flags)
        keep_measurements(result_file(flags, cell, seed), sets)
    for seed, cell in runs:
        keep_measurements(result_file(flags, cell, seed), sets)  # On sets that are new.
    sys.stdout.write(markdown(title, cells, sets, time_upscaling(cells, sets[0]), flags))


def require_same_settings(output: Path, settings: dict) -> None:
    """Raises ValueError where the folder holds cells that were trained in another way."""
    output.mkdir(parents=True, exist_ok=True)
    file = output / "settings.json"
    if file.exists() and (before := json.loads(file.read_text())) != settings:
        raise ValueError(f"`output` must be a new folder or one of these settings: {before}. Received: {settings}")
    with write_whole(file) as partial:
        partial.write_text(json.dumps(settings))


def result_file(flags: argparse.Namespace, cell: Cell, seed: int) -> Path:
    """Where the measurements of a trained cell are; a cell without that file is not trained to the end."""
    return flags.output / cell.folder / f"seed_{seed}" / RESULT


def train(cell: Cell, seed: int, images: ImagePairs, validation: ImagePairs, flags: argparse.Namespace) -> None:
    """Trains one cell, or goes on where that stopped."""
    recipe = dataclasses.replace(
        cell.recipe,
        steps=flags.steps,
        batch_size=flags.batch_size,
        patch_size=flags.patch_size,
        learning_rate=flags.faster * cell.recipe.learning_rate,
    )
    folder = result_file(flags, cell, seed).parent
    fit(recipe, images, folder, validation=validation, precision=flags.precision, seed=seed)


def keep_measurements(file: Path, sets: Sequence[BenchmarkSet]) -> None:
    """Measures a trained network in float32 on those sets on which it has not been measured yet."""
    measured = json.loads(file.read_text())["measured"] if file.exists() else {}
    missing = [a_set for a_set in sets if a_set.name not in measured]
    if not missing:
        return
    model = load_model(file.with_name("averaged.keras"))
    upscale = Upscaler(model, precision="float32")
    for a_set in missing:
        means = evaluate(upscale, a_set)
        measured[a_set.name] = {"psnr": means.psnr, "ssim": means.ssim}
    with write_whole(file) as partial:
        partial.write_text(json.dumps({"parameters": parameters(model), "measured": measured}))


def time_upscaling(cells: Sequence[Cell], benchmark_set: BenchmarkSet) -> list[float]:
    """Seconds that each network takes for an image of a set: the median of rounds over all of them, in one run."""
    images = [image.low_resolution for image in benchmark_set]
    upscalers = [Upscaler(cell.recipe.build(), precision="float32") for cell in cells]
    rounds = []
    for _ in range(ROUNDS + 1):  # The first compiles.
        seconds = []
        for upscale in upscalers:
            start = time.perf_counter()
            for image in images:
                upscale(image)
            seconds.append((time.perf_counter() - start) / len(images))
        rounds.append(seconds)
    return [statistics.median(of_cell) for of_cell in zip(*rounds[1:], strict=True)]


def markdown(title: str, cells: Sequence[Cell], sets: Sequence[BenchmarkSet], seconds: Sequence[float], flags) -> str:
    """The table, headed by how it was made."""
    names = [a_set.name for a_set in sets]
    seeds = "1 seed" if flags.seeds == 1 else f"{flags.seeds} seeds"
    deviation = ": means, and of PSNR standard deviations, over the seeds" if flags.seeds > 1 else ""
    lines = [
        f"## {title}",
        "",
        f"{flags.steps} steps of {flags.batch_size} patches of {flags.patch_size} high-resolution pixels at "
        f"{flags.faster:g} times the recipes' learning rates, "
        f"{seeds}, precision {flags.precision}, x{SCALE}. PSNR in dB and SSIM of float luma, shave 4{deviation}. "
        f"Seconds for an image of {names[0]}, median of {ROUNDS} rounds over all networks.",
        "",
        f"| network | parameters | {' | '.join(names)} | seconds | times the first | paper |",
        f"| --- | ---: |{' ---: |' * (len(names) + 2)} --- |",
    ]
    for cell, time_taken in zip(cells, seconds, strict=True):
        results = [json.loads(result_file(flags, cell, seed).read_text()) for seed in range(flags.seeds)]
        measured = [mean_and_deviation([result["measured"][name] for result in results]) for name in names]
        cost = f"{time_taken:.3f} | {time_taken / seconds[0]:.2f}"
        count = f"{results[0]['parameters']:,}"
        lines.append(f"| {' | '.join([cell.name, count, *measured, cost, cell.published])} |")
    return "\n".join(lines) + "\n"


def mean_and_deviation(measured: Sequence[dict[str, float]]) -> str:
    """PSNR and SSIM as tables show them; a single run has no deviation."""
    psnr = [each["psnr"] for each in measured]
    ssim = statistics.mean(each["ssim"] for each in measured)
    deviation = f" ± {statistics.stdev(psnr):.2f}" if len(psnr) > 1 else ""
    return f"{statistics.mean(psnr):.2f}{deviation} / {ssim:.4f}"
