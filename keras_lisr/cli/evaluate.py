"""`keras-lisr evaluate`: measures PSNR, SSIM, cost and time of models on benchmark sets."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from keras_lisr.basics.preset_index import choose_model
from keras_lisr.basics.whole_files import write_whole
from keras_lisr.cli.files import check_targets, titles
from keras_lisr.cli.start import start_keras

WARM_UP = 16  # Side of the first picture, whose time is that of compiling.


def add_to(commands) -> None:
    """Adds the command to the parser."""
    command = commands.add_parser("evaluate", help="measure models on benchmark sets, beside bicubic")
    command.set_defaults(run=run)
    command.add_argument("models", nargs="*", metavar="MODEL", help="presets, .npz preset files or .keras files")
    command.add_argument(
        "--data",
        nargs="+",
        required=True,
        metavar="FOLDER",
        help="folders of images or of pairs, such as HR/ beside LR_bicubic/X4/, or names of such in --data-root",
    )
    command.add_argument(
        "--low", type=Path, metavar="FOLDER", help="low resolution of --data, if names and sizes do not show it"
    )
    command.add_argument("--data-root", type=Path, metavar="FOLDER", help="default: $KERAS_LISR_DATA")
    command.add_argument("-s", "--scale", type=int, help="upscaling factor (default: that of each model)")
    command.add_argument("--self-ensemble", action="store_true", help="also average over eight flips and rotations")
    command.add_argument("--shave", type=int, metavar="PIXELS", help="removed from each side (default: the scale)")
    command.add_argument("--rounded-luma", action="store_true", help="round luma as MATLAB's rgb2ycbcr does")
    command.add_argument("-t", "--tile", type=int, help="side of a tile in pixels (default: as memory allows)")
    command.add_argument("--precision", choices=("auto", "float32", "bfloat16"), default="float32")
    for name in ("json", "csv", "markdown"):
        command.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"also write the results as {name}")


def run(arguments: argparse.Namespace) -> int:
    """Runs the command."""
    from tqdm import tqdm

    from keras_lisr.data.benchmark_sets import BenchmarkSet, find_benchmark_set

    models = titles(choose_model(name) for name in arguments.models)
    if not models and arguments.scale is None:
        raise ValueError("`scale` must be given where there is no model: evaluate --data FOLDER --scale 4")
    folders = titles(find_benchmark_set(name, arguments.data_root) for name in arguments.data)
    check_targets(arguments.json, arguments.csv, arguments.markdown, inputs=models)

    with start_keras():
        from keras_lisr.evaluation import EvaluationProtocol, report
        from keras_lisr.evaluation import evaluate as measure

        protocol = EvaluationProtocol(arguments.shave, arguments.rounded_luma)
        subjects = load_subjects(models, arguments)
    sets = [
        (title, BenchmarkSet(folder, scale, arguments.low))
        for folder, title in folders.items()
        for scale in sorted(subjects)
    ]
    entries, unmeasured = [], []
    total = sum(len(subjects[a_set.scale]) * len(a_set) for _, a_set in sets)
    with tqdm(total=total, unit=" images", disable=None) as bar:  # None: on terminals.
        for title, benchmark_set in sets:
            for subject in subjects[benchmark_set.scale]:
                bar.set_description(f"{title} x{benchmark_set.scale} {subject.name}")
                try:
                    result = measure(subject.upscale, benchmark_set, protocol, skip_broken=True, progress=bar.update)
                except ValueError as error:  # No image of this set could be read; the other results are kept.
                    unmeasured.append(f"{title} x{benchmark_set.scale} by {subject.name}: {error}")
                else:
                    entries.append(report.Entry(*subject[:4], result=replace(result, set_name=title)))
    if not entries:
        raise ValueError(unmeasured[0])
    print(report.markdown(entries), end="")
    for name, write in {"json": report.as_json, "csv": report.as_csv, "markdown": report.markdown}.items():
        if path := getattr(arguments, name):
            with write_whole(path) as partial:
                partial.write_text(write(entries), encoding="utf-8")
    skipped = {
        (entry.result.set_name, name): reason for entry in entries for name, reason in entry.result.skipped.items()
    }
    for (title, name), reason in skipped.items():
        print(f"keras-lisr: skipped {name} of {title}: {' '.join(reason.split())}", file=sys.stderr)
    for what in unmeasured:
        print(f"keras-lisr: not measured: {' '.join(what.split())}", file=sys.stderr)
    return 1 if skipped or unmeasured else 0


class Subject(NamedTuple):
    """Upscaler to measure, its computation and its cost; the latter are None for bicubic."""

    name: str
    computation: str | None
    parameters: int | None
    multiply_accumulates: int | None
    upscale: Any


def load_subjects(models: dict[str, str], arguments: argparse.Namespace) -> dict[int, list[Subject]]:
    """Loads the upscalers to measure, by scale, bicubic first. Raises a ValueError for any scale but that asked for."""
    import numpy as np

    from keras_lisr.evaluation import bicubic, multiply_accumulates, parameters
    from keras_lisr.inference.upscaler import Upscaler
    from keras_lisr.zoo import load_model

    subjects: dict[int, list[Subject]] = {}

    def of_scale(scale: int) -> list[Subject]:
        return subjects.setdefault(scale, [Subject("bicubic", None, None, None, bicubic(scale))])

    if arguments.scale is not None:
        of_scale(arguments.scale)
    for name, title in models.items():
        model = load_model(name)
        for times in (1, 8) if arguments.self_ensemble else (1,):
            upscaler = Upscaler(model, tile=arguments.tile, precision=arguments.precision, self_ensemble=times == 8)
            if arguments.scale not in (None, upscaler.scale):
                raise ValueError(
                    f"`scale` must be that of {name} ({upscaler.scale}). Received: scale={arguments.scale}"
                )
            side = max(WARM_UP, upscaler.smallest_side)
            upscaler(np.zeros((side, side, 3), np.uint8))
            tiles = f"tiles of {arguments.tile} pixels" if arguments.tile else "tiles only where memory asks for them"
            of_scale(upscaler.scale).append(
                Subject(
                    f"{title}, self-ensemble" if times == 8 else title,
                    f"{upscaler.precision}, {tiles}",
                    parameters(model),
                    times * multiply_accumulates(model),
                    upscaler,
                )
            )
    return subjects
