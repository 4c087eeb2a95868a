"""Trains and measures the cells of the paper's tables, and compares them with the plain network.

All cells of a network have the same photographs, steps, optimizer and schedule. A seed pairs them: the same patches in
the same order, and the same initial weights in all layers that a cell shares with the plain network. The gain of a cell
is the mean of the differences over the seeds, with its 95 % t-interval.

One rule chooses the rate of every cell, the plain one's too: of half, once and twice the network's rate, the one whose
run of a quarter of the steps, with seed 0, has the highest PSNR on held-out photographs.

Every run is a folder; the same command resumes within a run and between two. With the `--output` of
training/presets.py, photographs are decoded, and labelled by a teacher, once for both.
"""

import argparse
import dataclasses
import itertools
import json
import re
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from presets import SETS, Plan, label_data
from table_intervals import mean_interval, show

from keras_lisr.basics.parser import Parser
from keras_lisr.basics.whole_files import write_whole
from keras_lisr.data import BenchmarkSet, find_benchmark_set
from keras_lisr.evaluation import bicubic, parameters, psnr, ssim
from keras_lisr.export import fold
from keras_lisr.inference import Upscaler
from keras_lisr.inference.precision import fast_bfloat16
from keras_lisr.training import Recipe, fit
from keras_lisr.training.command import positive_integer, run_program
from keras_lisr.training.run_record import to_json

SCALE = 4
RATES = (0.5, 1.0, 2.0)  # Times the network's.
SHARE = 0.25  # Of the steps, in the runs that choose among these.
HELD_OUT = "held-out photographs"
MEASURES = {"psnr": (psnr, 3), "ssim": (ssim, 4)}  # And the digits that tables show.
ROUNDS = 9  # Of timing.
TIMES = "times.json"

Pairs = Iterable[tuple[np.ndarray, np.ndarray]]  # Of low and high resolution.
Measured = dict[str, dict[str, Any]]  # By the set, then by the measure.


@dataclasses.dataclass(frozen=True)
class Cell:
    """One variant of a network.

    Args:
        name: Name of the cell.
        options: Arguments of the network's recipe.
        published: Results of the paper.
        rewire: Makes another network of the one that the recipe builds.
    """

    name: str
    options: Mapping[str, Any]
    published: str = ""
    rewire: Callable[[keras.Model], keras.Model] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Network:
    """A network of a table, and its budget.

    Args:
        recipe: File in this folder whose recipe builds it.
        cells: Its variants, the plain network first.
        steps: Training steps of each run.
        seeds: Runs of each cell.
        rates: Learning rates by optimizer; the network is left out for others.
        batch_size: Patches in a step.
        precision: As for `fit`.
    """

    recipe: str
    cells: Sequence[Cell]
    steps: int
    seeds: int
    rates: Mapping[str, float]
    batch_size: int = 4
    precision: str = "auto"


@dataclasses.dataclass(frozen=True)
class Runs:
    """All runs of one cell, by the flags."""

    network: Network
    cell: Cell
    flags: argparse.Namespace

    @property
    def folder(self) -> Path:
        """Folder of the runs, the same for every table with this cell."""
        return place(self.flags) / re.sub(r"\W+", "_", self.cell.name).strip("_")

    @property
    def precision(self) -> str:
        """Precision of the runs on this machine."""
        automatic = "mixed_bfloat16" if fast_bfloat16() else "float32"
        return automatic if self.network.precision == "auto" else self.network.precision

    def recipe(self, rate: float | None = None, share: float = 1.0) -> Recipe:
        """Makes the recipe at a learning rate, by default the network's, for a share of the steps."""
        plan = Plan(
            name=self.cell.name,
            recipe=self.network.recipe,
            scale=SCALE,
            use="",
            options=dict(self.cell.options),
            steps=max(1, round(share * self.network.steps)),
            learning_rate=rate or self.network.rates[self.flags.optimizer],
            batch_size=self.network.batch_size,
        )
        recipe = plan.make_recipe()
        plain = dataclasses.replace(plan, options=dict(self.network.cells[0].options)).make_recipe()
        rewire = self.cell.rewire
        build = partial(build_like, plain.build, partial(rebuild, rewire, recipe.build) if rewire else recipe.build)
        return dataclasses.replace(recipe, optimizer=self.flags.optimizer, build=build)

    def settings(self) -> dict[str, Any]:
        """Returns the settings of the runs as JSON."""
        recipe, teachers = self.recipe(), self.flags.teachers
        settings = {field.name: to_json(getattr(recipe, field.name)) for field in dataclasses.fields(recipe)}
        settings |= {"precision": self.precision, "data": self.flags.data.resolve().name}
        settings["teachers"] = teachers.resolve().name if teachers else None
        return json.loads(json.dumps(settings))

    def require_same_settings(self) -> None:
        """Raises a ValueError if runs were made with other settings."""
        now = self.settings()
        before = read_json(self.folder / "settings.json") or now
        changed = [f"{name}={now[name]!r} after {before.get(name)!r}" for name in now if now[name] != before.get(name)]
        if changed:
            raise ValueError(
                f"`output` must hold cells of the same settings; delete {self.folder} to train that cell again. "
                f"Received: {', '.join(changed)}"
            )

    def try_rates(self) -> dict[float, float]:
        """Returns the held-out PSNR of the short runs by rate, 0 if one diverged; nothing if one is missing."""
        rates = [times * self.network.rates[self.flags.optimizer] for times in RATES]
        short = {rate: self.result(f"rate_{rate:g}", self.recipe(rate, SHARE), 0, {}) for rate in rates}
        if not all(short.values()):
            return {}
        return {rate: result["measured"].get(HELD_OUT, {"psnr": 0.0})["psnr"] for rate, result in short.items()}

    def result(self, name: str, recipe: Recipe, seed: int, sets: Mapping[str, Pairs]) -> dict[str, Any]:
        """Returns the measurements of a run, after training it if necessary; nothing with --table if it is missing."""
        file = self.folder / name / "result.json"
        if not file.exists() and not self.flags.table:
            sys.stderr.write(f"{self.cell.name}, {name}\n")
            write_json(self.folder / "settings.json", self.settings())
            write_json(file, self.train(file.parent, recipe, seed, sets))
            shutil.rmtree(file.with_name("checkpoints"), ignore_errors=True)
        return read_json(file)

    def train(self, folder: Path, recipe: Recipe, seed: int, sets: Mapping[str, Pairs]) -> dict[str, Any]:
        """Trains or resumes a run, and measures it in float32."""
        flags, epoch = self.flags, max(1, round(SHARE * self.network.steps))
        keras.utils.clear_session()
        training, validation = label_data(SCALE, recipe.patch_size, flags.data, flags.output, flags.teachers)
        way: dict[str, Any] = {"precision": self.precision, "seed": seed, "steps_per_epoch": epoch}
        try:
            model = fit(recipe, training, folder, validation=validation, **way)
        except FloatingPointError as error:
            return {"parameters": parameters(recipe.build()), "diverged": str(error), "measured": {}}
        upscale = Upscaler(model, precision="float32")
        return {"parameters": parameters(model), "measured": measure(upscale, {HELD_OUT: validation, **sets})}

    def describe(self, tried: Mapping[float, float]) -> dict[str, Any]:
        """Returns the row of the cell, without measurements."""
        return {
            "network": self.network.recipe,
            "cell": self.cell.name,
            "paper": self.cell.published,
            "steps": self.network.steps,
            "batch_size": self.network.batch_size,
            "precision": self.precision,
            "rates": tried,
            "rate": max(tried, key=tried.__getitem__, default=None),
            "seconds": read_json(place(self.flags) / TIMES).get(self.cell.name, []),
            "measured": {},
        }


def main(title: str, networks: Sequence[Network], argv: Sequence[str] | None = None) -> int:
    """Trains what is missing, measures it and prints the table; returns the exit code, as a recipe does."""
    return run_program(argument_parser(title), partial(run, title, networks), argv)


def argument_parser(title: str) -> Parser:
    """Makes the parser of the flags."""
    parser = Parser(description=title, allow_abbrev=False)
    parser.add_argument("--data", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--output", type=Path, required=True, help="folder of the runs")
    parser.add_argument(
        "--data-root", type=Path, metavar="FOLDER", help=f"holds {', '.join(SETS)} (default: $KERAS_LISR_DATA)"
    )
    parser.add_argument("--optimizer", default="muon", choices=["adam", "muon"])
    parser.add_argument("--teachers", type=Path, metavar="FOLDER", help="holds x4.keras, to learn from that")
    parser.add_argument("--cells", nargs="+", default=["*"], metavar="NAME", help="only these ('idn*') and the plain")
    parser.add_argument("--steps", type=positive_integer, help="of every run, in place of the table's")
    parser.add_argument("--seeds", type=positive_integer, help="runs of every cell, in place of the table's")
    parser.add_argument("--time", action="store_true", help="time the networks first, on an idle machine")
    parser.add_argument("--table", action="store_true", help="print what stands, and train nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="enter all numbers into this file")
    return parser


def run(title: str, networks: Sequence[Network], flags: argparse.Namespace) -> None:
    """Trains, measures and prints what the flags say."""
    chosen = [[Runs(network, cell, flags) for cell in network.cells] for network in choose(networks, flags)]
    for runs in itertools.chain(*chosen):
        runs.require_same_settings()
    folders = {name: find_benchmark_set(name, flags.data_root) for name in SETS}
    sets = {name: [(low, high) for _, low, high in BenchmarkSet(folder, SCALE)] for name, folder in folders.items()}
    if flags.time:
        for cells in chosen:
            time_cells(cells, [low for low, _ in sets[SETS[0]]])
    title = f"{title}, {flags.optimizer}, {'teacher' if flags.teachers else 'originals'}"
    rows = [{"cell": "bicubic", "means": measure(bicubic(SCALE), sets)}]
    rows += [row for cells in chosen for row in compare(cells, sets)]
    if flags.json:
        write_json(flags.json, {**read_json(flags.json), title: rows})
    sys.stdout.write(markdown(title, rows))


def choose(networks: Sequence[Network], flags: argparse.Namespace) -> list[Network]:
    """Returns the networks with a cell in the flags, with those cells and the plain one; ValueError if none."""
    chosen = []
    for network in networks:
        plain, *others = network.cells
        named = [cell for cell in network.cells if any(fnmatchcase(cell.name, name) for name in flags.cells)]
        if named and flags.optimizer in network.rates:
            cells = [plain, *(cell for cell in others if cell in named)]
            steps, seeds = flags.steps or network.steps, flags.seeds or network.seeds
            chosen.append(dataclasses.replace(network, cells=cells, steps=steps, seeds=seeds))
    if not chosen:
        raise ValueError(f"`cells` must be in this table, with a rate for {flags.optimizer}. Received: {flags.cells}")
    return chosen


def place(flags: argparse.Namespace) -> Path:
    """Returns the folder of the runs with this optimizer and these targets."""
    return flags.output / f"{flags.optimizer}_{'teacher' if flags.teachers else 'originals'}"


def build_like(build_plain: Callable[[], keras.Model], build: Callable[[], keras.Model]) -> keras.Model:
    """Builds a network with the initial weights of the plain one in all shared layers.

    The seed alone is not enough: an additional layer shifts the random numbers of later ones.
    """
    given = {weight.path: weight for weight in build_plain().weights}
    model = build()
    for weight in model.weights:
        if weight.path in given and given[weight.path].shape == weight.shape:
            weight.assign(given[weight.path])
    return model


def rebuild(rewire: Callable[[keras.Model], keras.Model], build: Callable[[], keras.Model]) -> keras.Model:
    """Builds a network and rewires it."""
    return rewire(build())


def measure(upscale: Callable[[np.ndarray], np.ndarray], sets: Mapping[str, Pairs]) -> Measured:
    """Measures PSNR and SSIM of luma, shave = scale, averaged over each set's images."""
    measured = {}
    for name, pairs in sets.items():
        made = [(high, upscale(low)) for low, high in pairs]
        measured[name] = {
            each: round(float(np.mean([function(*images, shave=SCALE) for images in made])), 5)
            for each, (function, _) in MEASURES.items()
        }
    return measured


def compare(cells: Sequence[Runs], sets: Mapping[str, Pairs]) -> list[dict[str, Any]]:
    """Trains what is missing, and returns a row for each trained cell of a network."""
    rates = [runs.try_rates() for runs in cells]
    rows = [runs.describe(tried) for runs, tried in zip(cells, rates, strict=True)]
    for seed in range(cells[0].network.seeds):  # The outer loop, so that there are pairs early.
        for runs, tried, row in zip(cells, rates, rows, strict=True):
            if tried and (result := runs.result(f"seed_{seed}", runs.recipe(row["rate"]), seed, sets)):
                row["parameters"] = result["parameters"]
                row["measured"][str(seed)] = result["measured"]
    plain, *others = rows
    for row in rows:
        row["means"] = over_seeds(row["measured"].values(), statistics.fmean)
    for row in others:
        row["gains"] = over_seeds(differences(row["measured"], plain["measured"]), mean_interval)
        row["times_plain"] = [mine / its for mine, its in zip(row["seconds"], plain["seconds"], strict=False)]
    return [row for row in rows if row["measured"]]


def over_seeds(runs: Iterable[Measured], statistic: Callable[[list[float]], Any]) -> Measured:
    """Computes a statistic over the finished runs, for each set and measure."""
    done = [measured for measured in runs if measured]
    return {
        name: {each: statistic([measured[name][each] for measured in done]) for each in MEASURES}
        for name in (done[0] if done else ())
    }


def differences(runs: Mapping[str, Measured], plain: Mapping[str, Measured]) -> list[Measured]:
    """Returns a cell's lead over the plain network for each seed that both finished."""
    pairs = [(runs[seed], plain[seed]) for seed in runs if runs[seed] and plain.get(seed)]
    return [
        {name: {each: mine[name][each] - its[name][each] for each in MEASURES} for name in mine} for mine, its in pairs
    ]


def time_cells(cells: Sequence[Runs], images: Sequence[np.ndarray]) -> None:
    """Times each folded network on the images, in rounds over all networks, and stores the seconds."""
    upscalers = {runs.cell.name: Upscaler(fold(runs.recipe().build()), precision="float32") for runs in cells}
    seconds: dict[str, list[float]] = {name: [] for name in upscalers}
    for number in range(ROUNDS + 1):
        for name, upscale in upscalers.items():
            start = time.perf_counter()
            for image in images:
                upscale(image)
            if number:  # The first round compiles.
                seconds[name].append(round(time.perf_counter() - start, 5))
    file = place(cells[0].flags) / TIMES
    write_json(file, {**read_json(file), **seconds})


def markdown(title: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Writes a table under an explanation."""
    sets = (*SETS, HELD_OUT)
    lines = [
        f"## {title}",
        "",
        f"x{SCALE}, PSNR in dB / SSIM of luma, shave {SCALE}: of plain networks the mean over the seeds, of the others "
        "what they gain, the mean difference to the plain network of the same seed ± half its 95 % interval, **bold** "
        "where that excludes zero. Seconds: folded, all of Set5; in brackets, times the plain network's.",
        "",
        f"| network | parameters | steps | rate | seeds | {' | '.join(sets)} | seconds | paper |",
        f"| --- | {'---: | ' * (len(sets) + 5)}--- |",
    ]
    for row in rows:
        values = row.get("gains") or row["means"]
        shown = [show_measures(values[name]) if name in values else "" for name in sets]
        how, took = [""] * 4, ""
        if "network" in row:
            ended, begun = sum(map(bool, row["measured"].values())), len(row["measured"])
            seeds = f"{ended}" if ended == begun else f"{ended} of {begun}, the rest diverged"
            how = [f"{row['parameters']:,}", f"{row['steps']:,}", f"{row['rate']:g}", seeds]
        if row.get("seconds"):
            took = f"{statistics.median(row['seconds']):.3f}"
        if row.get("times_plain"):
            took += f" ({statistics.median(row['times_plain']):.2f})"
        lines.append(f"| {' | '.join([row['cell'], *how, *shown, took, row.get('paper', '')])} |")
    return "\n".join(lines) + "\n"


def show_measures(values: Mapping[str, Any]) -> str:
    """Formats means or intervals of PSNR and SSIM for a cell of the table."""
    return " / ".join(show(values[name], digits) for name, (_, digits) in MEASURES.items())


def read_json(file: Path) -> dict[str, Any]:
    """Reads a file; nothing if it is absent."""
    return json.loads(file.read_text()) if file.exists() else {}


def write_json(file: Path, value: Mapping[str, Any]) -> None:
    """Writes a file atomically."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with write_whole(file) as unfinished:
        unfinished.write_text(json.dumps(value, indent=1) + "\n")
