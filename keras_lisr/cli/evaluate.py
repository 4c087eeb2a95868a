"""`keras-lisr evaluate`: PSNR, SSIM, cost and time of models on benchmark sets."""

import argparse
import sys
from pathlib import Path
from typing import Any, NamedTuple

from keras_lisr.cli.silent_start import silent_start
from keras_lisr.preset_index import choose_model
from keras_lisr.whole_files import written_whole

WARM_UP = 16  # Pixels a side of the picture that comes first, whose time is that of compiling.


def add_to(commands) -> None:
    """Declares the command."""
    command = commands.add_parser("evaluate", help="measure models on benchmark sets, beside bicubic")
    command.set_defaults(run=evaluate)
    command.add_argument("models", nargs="*", metavar="MODEL", help="presets, .npz preset files or .keras files")
    command.add_argument(
        "--data",
        nargs="+",
        required=True,
        metavar="FOLDER",
        help="folders that hold HR/ and perhaps LR_bicubic/X4/, or names of such in --data-root",
    )
    command.add_argument("--data-root", type=Path, metavar="FOLDER", help="default: $KERAS_LISR_DATA")
    command.add_argument("-s", "--scale", type=int, help="upscaling factor (default: that of each model)")
    command.add_argument("--self-ensemble", action="store_true", help="also average over eight flips and rotations")
    command.add_argument("--shave", type=int, metavar="PIXELS", help="removed from each side (default: the scale)")
    command.add_argument("--rounded-luma", action="store_true", help="round luma as MATLAB's rgb2ycbcr does")
    command.add_argument("-t", "--tile", type=int, help="side of a tile in pixels (default: as memory allows)")
    command.add_argument("--precision", choices=("auto", "float32", "bfloat16"), default="auto")
    for name in ("json", "csv", "markdown"):
        command.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"also write the results as {name}")


def evaluate(arguments: argparse.Namespace) -> int:
    """Runs the command."""
    from tqdm import tqdm

    from keras_lisr.data.benchmark_sets import BenchmarkSet, find_benchmark_set

    names = [choose_model(name) for name in arguments.models]
    if not names and arguments.scale is None:
        raise ValueError("`scale` must be given where there is no model: evaluate --data FOLDER --scale 4")
    folders = [find_benchmark_set(name, arguments.data_root) for name in arguments.data]
    outputs = {name: path for name in ("json", "csv", "markdown") if (path := getattr(arguments, name))}
    for path in outputs.values():
        if path.is_dir() or not path.parent.is_dir():
            raise ValueError(f"`path` must be a file in an existing folder. Received: path={str(path)!r}")

    with silent_start():
        from keras_lisr.evaluation import EvaluationProtocol, report
        from keras_lisr.evaluation import evaluate as measure

        protocol = EvaluationProtocol(arguments.shave, arguments.rounded_luma)
        upscalers = load_upscalers(names, arguments)
    sets = [BenchmarkSet(folder, scale) for folder in folders for scale in sorted(upscalers)]
    entries = []
    total = sum(len(upscalers[a_set.scale]) * len(a_set) for a_set in sets)
    with tqdm(total=total, unit=" images", disable=None) as bar:  # None: on terminals.
        for benchmark_set in sets:
            for model, parameters, multiply_accumulates, upscale in upscalers[benchmark_set.scale]:
                bar.set_description(f"{benchmark_set.name} x{benchmark_set.scale} {model}")
                result = measure(upscale, benchmark_set, protocol, skip_broken=True, progress=bar.update)
                entries.append(report.Entry(model, parameters, multiply_accumulates, result))
    print(report.markdown(entries), end="")
    for name, path in outputs.items():
        write = {"json": report.as_json, "csv": report.as_csv, "markdown": report.markdown}[name]
        with written_whole(path) as partial:
            partial.write_text(write(entries), encoding="utf-8")
    skipped = {name: reason for entry in entries for name, reason in entry.result.skipped.items()}
    for name, reason in skipped.items():
        print(f"keras-lisr: skipped {name}: {reason}", file=sys.stderr)
    return 1 if skipped else 0


class Subject(NamedTuple):
    """An upscaler that is measured, and what it costs; bicubic's costs are not counted."""

    name: str
    parameters: int | None
    multiply_accumulates: int | None
    upscale: Any


def load_upscalers(names: list[str], arguments: argparse.Namespace) -> dict[int, list[Subject]]:
    """For each scale the upscalers to measure, bicubic first.

    Raises:
        ValueError: If a model has another scale than the one asked for, or cannot be loaded.
    """
    import numpy as np

    from keras_lisr.benchmark import multiply_accumulates, parameters
    from keras_lisr.evaluation import bicubic
    from keras_lisr.inference.upscaler import Upscaler
    from keras_lisr.zoo import load_model

    upscalers: dict[int, list[Subject]] = {}
    if arguments.scale is not None:
        upscalers[arguments.scale] = [Subject("bicubic", None, None, bicubic(arguments.scale))]
    for name in names:
        model = load_model(name)
        for self_ensemble in (False, True) if arguments.self_ensemble else (False,):
            upscaler = Upscaler(model, tile=arguments.tile, precision=arguments.precision, self_ensemble=self_ensemble)
            scale = upscaler.scale
            if arguments.scale not in (None, scale):
                raise ValueError(f"`scale` must be that of {name} ({scale}). Received: scale={arguments.scale}")
            side = max(WARM_UP, upscaler.smallest_side)
            upscaler(np.zeros((side, side, 3), np.uint8))
            title, times = (", self-ensemble", 8) if self_ensemble else ("", 1)
            subject = Subject(Path(name).name + title, parameters(model), times * multiply_accumulates(model), upscaler)
            upscalers.setdefault(scale, [Subject("bicubic", None, None, bicubic(scale))]).append(subject)
    return upscalers
