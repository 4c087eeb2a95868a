r"""Trains the unfinished presets of the package, and enters each finished one into the index.

Every preset is a row of `PLANS`: the recipe of its network, and the changes for training with Muon and a teacher (see
docs/training-speed.md). Ctrl-C, `--hours` and a power cut stop the queue; the same command resumes it. At the end, and
with `--table` at once, it prints the state of all.

A finished network enters the package only if it is better than the preset of that name on held-out photographs.
Benchmark sets are measured afterwards and decide nothing.

    keras-lisr import SMFANet_plus_DF2K_x4.pth --architecture smfanet --scale 4 -o teachers/x4.keras
    python training/presets.py --data photographs --output runs/presets --teachers teachers \
        --data-root $KERAS_LISR_DATA
"""

import argparse
import csv
import dataclasses
import importlib.util
import itertools
import json
import math
import os
import platform
import re
import runpy
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

# JAX on rented GPUs, TensorFlow on processors, where it is twice as fast.
os.environ.setdefault("KERAS_BACKEND", "tensorflow" if importlib.util.find_spec("tensorflow") else "jax")

import keras
import numpy as np

from keras_lisr.basics import preset_index
from keras_lisr.basics.parser import Parser
from keras_lisr.basics.preset_index import Preset, presets, write_index
from keras_lisr.basics.processor import read_cpuinfo
from keras_lisr.data import BenchmarkSet, Degradation, ImagePairs, find_benchmark_set
from keras_lisr.data.degradation import degrade_pairs
from keras_lisr.evaluation import evaluate, multiply_accumulates, parameters
from keras_lisr.export import export_model
from keras_lisr.exported.sidecar import checksum
from keras_lisr.inference import Upscaler
from keras_lisr.training import Recipe, fit, warmup_cosine
from keras_lisr.training.callbacks import mean_psnr
from keras_lisr.training.command import amount, read_data, run_program
from keras_lisr.training.sources import progress_bar
from keras_lisr.training.teacher import label_pairs
from keras_lisr.zoo import from_preset, load_model
from keras_lisr.zoo.storage import save_preset

WARMUP = 200
SETS = ("Set5", "Set14", "DIV2K_valid_part")
FLAT_SIDE = 72  # Beyond the receptive field of most.
BOTH = {"ggas": True, "cwss": True}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """Plan to train one preset.

    Args:
        name: Name of the preset.
        recipe: File in this folder whose recipe builds the network.
        scale: Upscaling factor.
        use: Its use, shown by `keras-lisr models`.
        options: Further arguments of the recipe.
        steps: Training steps.
        learning_rate: Peak learning rate of Muon.
        start: Preset whose weights it starts from, perhaps an earlier one of its own name.
        degraded: Whether blur, noise and JPEG go into the patches, and the held-out images, of low resolution.
        precision: As for `fit`.
        batch_size: Patches in a step.
        patch: Side of the patches of low resolution.
        candidates: As for `Recipe`.
        smooth_share: As for `Recipe`.
        label_share: As for `Recipe`.
    """

    name: str
    recipe: str
    scale: int
    use: str
    options: dict[str, Any] = dataclasses.field(default_factory=lambda: BOTH)
    steps: int
    learning_rate: float = 1e-3
    start: str | None = None
    degraded: bool = False
    precision: str = "auto"
    batch_size: int = 8
    patch: int = 32
    candidates: int = 3
    smooth_share: float = 0.03
    label_share: tuple[float, float] = (1.0, 1.0)

    def make_recipe(self) -> Recipe:
        """Returns the recipe of the architecture with the changes of this plan."""
        return dataclasses.replace(
            recipe_of(self.recipe)(self.scale, **self.options),
            steps=self.steps,
            optimizer="muon",
            learning_rate=self.learning_rate,
            schedule=warmup_cosine(WARMUP),
            batch_size=self.batch_size,
            patch_size=self.patch * self.scale,
            candidates=self.candidates,
            degradation=Degradation() if self.degraded else None,
            smooth_share=self.smooth_share,
            label_share=self.label_share,
        )


# In the order of their use to people.
PLANS = (
    Plan(
        name="imdn_x4",
        use="clean pictures",
        recipe="default",
        scale=4,
        options={},
        start="imdn_x4",
        steps=14_000,
        learning_rate=1.5e-3,
    ),
    Plan(
        name="fsrcnn_x4",
        use="phones: the smallest and fastest",
        recipe="fsrcnn",
        scale=4,
        options={"ggas": True},
        start="fsrcnn_x4",
        steps=30_000,
        learning_rate=2e-3,
        precision="float32",
        smooth_share=0.1,
    ),
    Plan(
        name="edsr_baseline_x4",
        use="clean pictures; behind imdn_x4 so far",
        recipe="edsr_baseline",
        scale=4,
        steps=5_000,
    ),
    Plan(
        name="shallow_edsr_x4",
        use="the paper's network for comparing attention",
        recipe="shallow_edsr",
        scale=4,
        steps=8_000,
        learning_rate=2e-3,
        smooth_share=0.1,
    ),
    Plan(
        name="idn_x4",
        use="clean pictures; flat colours stay exact",
        recipe="idn",
        scale=4,
        steps=8_000,
        learning_rate=2e-3,
        smooth_share=0.1,
    ),
    Plan(
        name="carn_x4",
        use="clean pictures; behind imdn_x4 so far",
        recipe="carn",
        scale=4,
        steps=6_000,
        learning_rate=2e-3,
        smooth_share=0.1,
    ),
    Plan(
        name="imdn_x4_photo",
        use="photos as they are: noise, JPEG, soft focus",
        recipe="default",
        scale=4,
        options={},
        start="imdn_x4",
        steps=8_000,
        degraded=True,
        smooth_share=0.1,
    ),
)


@cache
def recipe_of(name: str):
    """Returns the function `recipe` of a file in this folder."""
    return runpy.run_path(str(Path(__file__).with_name(f"{name}.py")))["recipe"]


def main(argv: Sequence[str] | None = None) -> int:
    """Trains the unfinished presets and prints the table; returns the exit code, as a recipe does."""
    return run_program(argument_parser(), run, argv)


def run(flags: argparse.Namespace) -> None:
    """Trains, unless --table is given, and prints the table."""
    plans = choose_plans(flags.only)
    if not flags.table:
        train_all(plans, flags)
    sys.stdout.write(table(plans, flags.output))


def argument_parser() -> Parser:
    """Makes the parser of the flags."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("--data", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--output", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--teachers", type=Path, metavar="FOLDER", help="holds x2.keras, x3.keras and x4.keras")
    parser.add_argument(
        "--data-root", type=Path, metavar="FOLDER", help=f"holds {', '.join(SETS)} (default: $KERAS_LISR_DATA)"
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="presets")
    parser.add_argument("--hours", type=amount, help="stop after this time; the same command goes on later")
    parser.add_argument("--table", action="store_true", help="print what stands, and train nothing")
    return parser


def choose_plans(names: Sequence[str] | None) -> list[Plan]:
    """Returns the plans of these presets, by default of all; raises a ValueError for an unknown name."""
    known = [plan.name for plan in PLANS]
    for name in names or ():
        if name not in known:
            raise ValueError(f"`only` must name presets ({', '.join(known)}). Received: {name!r}")
    return [plan for plan in PLANS if names is None or plan.name in names]


def train_all(plans: Sequence[Plan], flags: argparse.Namespace) -> None:
    """Trains and publishes unfinished presets, in the order of the plans, within the time."""
    end = math.inf if flags.hours is None else time.monotonic() + flags.hours * 3600
    for plan in plans:
        hours = (end - time.monotonic()) / 3600
        if is_finished(plan) or hours <= 0:
            continue
        sys.stderr.write(f"{plan.name}\n")
        keras.utils.clear_session()
        recipe, folder = plan.make_recipe(), flags.output / plan.name
        training, validation = label_data(plan.scale, recipe.patch_size, flags.data, flags.output, flags.teachers)
        fit(
            recipe,
            training,
            folder,
            validation=validation,
            precision=plan.precision,
            start_from=plan.start,
            hours=hours,
        )
        if rows(folder)[-1]["step"] >= plan.steps:
            publish(plan, folder, validation, flags.data_root)


@cache
def label_data(
    scale: int, patch_size: int, data: Path, output: Path, teachers: Path | None
) -> tuple[ImagePairs, ImagePairs]:
    """Reads images to train on, with a teacher's labels, and to validate on; decodes and labels them once."""
    folder = output / "cache"
    training, validation = read_data(data, scale, patch_size, folder)
    if teachers is not None:
        teacher = teachers / f"x{scale}.keras"
        training = label_pairs(training, teacher, scale, store=folder / "labels", progress=progress_bar())
    return training, validation


def publish(plan: Plan, folder: Path, validation: ImagePairs, data_root: Path | None) -> None:
    """Measures a finished network and publishes it, unless the preset is better on held-out images."""
    if plan.degraded:
        validation = degrade_pairs(validation, Degradation(), plan.scale)
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / "preset.npz"
        save_preset(load_model(folder / "averaged.keras"), file)
        model = from_preset(file)  # With its weights in float16, as it will be used.
        upscale = Upscaler(model, precision="float32")
        held_out = mean_psnr(upscale, validation, plan.scale)
        if any(known.name == plan.name for known in presets()):
            before = mean_psnr(Upscaler(from_preset(plan.name), precision="float32"), validation, plan.scale)
            if before >= held_out:
                sys.stderr.write(f"{plan.name} stays: {before:.3f} dB on held-out images, and {held_out:.3f} now\n")
                return
        measured = {}
        for name in SETS:
            result = evaluate(upscale, BenchmarkSet(find_benchmark_set(name, data_root), plan.scale))
            measured[name] = [round(result.psnr, 4), round(result.ssim, 4)]
        preset = Preset(
            plan.name,
            builder=model.builder,
            arguments=model.arguments,
            file=f"{plan.name}.npz",
            sha256=checksum(file),
            parameters=parameters(model),
            multiply_accumulates=multiply_accumulates(model),
            measured=measured,
            use=plan.use,
            trained={
                "plan": as_json(plan),
                "hours": round(sum(row["seconds"] for row in rows(folder)) / 3600, 2),
                "machine": f"{os.cpu_count()} cores of {processor()}",
                "held_out": round(held_out, 4),
                "gained_by_last_doubling": round(measure_last_gain(folder), 3),
                "off_colours": count_off_colours(model),
            },
        )
        shutil.copyfile(file, preset_index.FOLDER / preset.file)
        if keras.backend.backend() == "tensorflow":  # Elsewhere zoo/measure.py does it later.
            export_model(model, preset.exported(), quantize="float16")
        write_index(list(({known.name: known for known in presets()} | {preset.name: preset}).values()))


def processor() -> str:
    """Returns the name of the processor."""
    names = re.findall(r"model name\s*: (.*)", read_cpuinfo())
    return names[0] if names else platform.processor()


def is_finished(plan: Plan) -> bool:
    """Checks whether the preset in the package is the result of this plan."""
    return any(preset.trained.get("plan") == as_json(plan) for preset in presets() if preset.name == plan.name)


def as_json(plan: Plan) -> dict[str, Any]:
    """Returns a plan for the index of presets, without name and use, which the index has anyway."""
    described = {key: value for key, value in dataclasses.asdict(plan).items() if key not in ("name", "use")}
    return json.loads(json.dumps(described))


def rows(folder: Path) -> list[dict[str, float]]:
    """Reads the epochs of a run."""
    log = folder / "log.csv"
    if not log.exists():
        return []
    with log.open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def measure_last_gain(folder: Path) -> float:
    """Returns the gain on held-out images in the second half of a run's steps, in decibels."""
    epochs = rows(folder)
    half = [row for row in epochs if row["step"] <= epochs[-1]["step"] / 2] or epochs
    return epochs[-1]["val_psnr"] - half[-1]["val_psnr"]


def count_off_colours(model: keras.Model) -> int:
    """Counts which of 125 flat colours a network shifts by half a step of 255 or more, away from the border."""
    levels = np.linspace(0, 255, 5).round() / 255
    off = 0
    for colour in itertools.product(levels, repeat=3):
        flat = np.broadcast_to(np.array(colour, np.float32), (1, FLAT_SIDE, FLAT_SIDE, 3))
        super_resolved = model.predict_on_batch(flat)[0]
        middle = super_resolved[super_resolved.shape[0] // 2, super_resolved.shape[1] // 2]
        off += bool(np.abs(middle - colour).max() * 255 >= 0.5)
    return off


def table(plans: Sequence[Plan], output: Path) -> str:
    """Writes the state of the presets as Markdown: measurements of finished ones, progress of others."""
    lines = [
        "| preset | steps | held out | last doubling | Set5 | Set14 |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    known = {preset.name: preset for preset in presets()}
    for plan in plans:
        cells = [plan.name, f"0 of {plan.steps:,}", "", ""]
        if is_finished(plan):
            trained = known[plan.name].trained
            cells[1:] = [f"{plan.steps:,}", f"{trained['held_out']:.3f}", f"{trained['gained_by_last_doubling']:+.3f}"]
        elif epochs := rows(output / plan.name):
            step, psnr = epochs[-1]["step"], epochs[-1]["val_psnr"]
            gained = measure_last_gain(output / plan.name)
            cells[1:] = [f"{step:,.0f} of {plan.steps:,}", f"{psnr:.3f}", f"{gained:+.3f}"]
        measured = known[plan.name].measured if plan.name in known else {}
        cells += [f"{measured[name][0]:.2f}" if name in measured else "" for name in SETS[:2]]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
