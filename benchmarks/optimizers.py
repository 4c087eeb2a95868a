"""What does the optimizer bring, and what a teacher? PSNR on held-out photographs against steps and against minutes.

Trains each network with Adam and with Muon, on originals and on a teacher's labels, for the same steps on the same
patches, once for each seed, and draws the curves of docs/training-speed.md. What was trained already is not trained
again, so that the command may be interrupted, and run with more seeds later:

    python -m benchmarks.optimizers --data photographs --teacher teachers/x4.keras --output runs/optimizers

The learning rate falls along half a cosine, so that only the ends of the curves are finished networks.
"""

import argparse
import csv
import itertools
from functools import partial
from pathlib import Path

import keras
import numpy as np

from keras_lisr.analysis.figures import COLORS
from keras_lisr.data import ImagePairs, hold_out_photographs, read_pairs
from keras_lisr.training import Recipe, fit, warmup_cosine
from keras_lisr.training.teacher import label_pairs
from keras_lisr.zoo import edsr_baseline, fsrcnn, imdn

SCALE = 4
STEPS_PER_EPOCH = 250
HOLD_OUT_EVERY = 40
VALIDATED = 12
NETWORKS = {
    "IMDN": partial(imdn, SCALE, ggas=True, cwss=True, attention=None),
    "EDSR-baseline": partial(edsr_baseline, SCALE, ggas=True, cwss=True),
    "FSRCNN": partial(fsrcnn, SCALE, ggas=True),
}
LEARNING_RATES = {  # Of Adam and Muon, to begin with; benchmarks/learning_rates.py tells better ones.
    "IMDN": {"adam": 4e-4, "muon": 2e-3},
    "EDSR-baseline": {"adam": 4e-4, "muon": 1e-3},
    "FSRCNN": {"adam": 1e-3, "muon": 3e-3},
}
TARGETS = ("originals", "teacher")
Curve = list[tuple[float, float, float]]  # Step, minutes, PSNR in dB.


def main() -> None:
    """Trains what is missing, prints the ends of the curves and draws them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--teacher", type=Path, required=True, help=".keras file")
    parser.add_argument("--output", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--figure", type=Path, default=Path("docs/training-speed.png"))
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=3)
    flags = parser.parse_args()

    training, validation = read_data(flags.data, flags.teacher, flags.output)
    curves: dict[tuple[str, str, str], list[Curve]] = {}
    for seed in range(flags.seeds):  # The outer loop: an interrupted run has all curves of the first seeds.
        for network, optimizer, targets in itertools.product(flags.networks, ("adam", "muon"), TARGETS):
            folder = flags.output / f"{network}_{optimizer}_{targets}_{flags.steps}" / f"seed_{seed}"
            train(network, optimizer, targets, flags.steps, seed, folder, training, validation)
            curves.setdefault((network, optimizer, targets), []).append(read_curve(folder))
    print(table(curves))
    draw(curves, flags.networks).savefig(flags.figure, dpi=150)


def read_data(data: Path, teacher: Path, output: Path) -> tuple[ImagePairs, ImagePairs]:
    """Labelled images to train on, and a few of other photographs to validate on."""
    images = read_pairs(data, SCALE, smallest_side=128, store=output / "cache")
    names, held_out = hold_out_photographs(images.names, HOLD_OUT_EVERY)
    training = label_pairs(images.select(names), teacher, SCALE, store=output / "cache")
    return training, images.select(held_out[:: max(1, len(held_out) // VALIDATED)])


def train(
    network: str,
    optimizer: str,
    targets: str,
    steps: int,
    seed: int,
    folder: Path,
    training: ImagePairs,
    validation: ImagePairs,
) -> None:
    """Trains one network in one way, unless that is done."""
    keras.utils.clear_session()
    recipe = Recipe(
        build=NETWORKS[network],
        scale=SCALE,
        steps=steps,
        optimizer=optimizer,
        learning_rate=LEARNING_RATES[network][optimizer],
        schedule=warmup_cosine(100),
        patch_size=32 * SCALE,
        batch_size=4,
        candidates=3,
        label_share=(1.0, 1.0) if targets == "teacher" else (0.0, 0.0),
    )
    fit(recipe, training, folder, validation=validation, seed=seed, steps_per_epoch=STEPS_PER_EPOCH)


def read_curve(folder: Path) -> Curve:
    """Steps, minutes of training and PSNR of a run."""
    with (folder / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    minutes = np.cumsum([float(row["seconds"]) for row in rows]) / 60
    return [(int(row["step"]), spent, float(row["val_psnr"])) for row, spent in zip(rows, minutes, strict=True)]


def table(curves: dict[tuple[str, str, str], list[Curve]]) -> str:
    """The ends of the curves, as Markdown: mean and standard deviation over the seeds."""
    lines = ["| network | optimizer | targets | PSNR | minutes |", "| --- | --- | --- | ---: | ---: |"]
    for (network, optimizer, targets), runs in curves.items():
        ends = np.array([run[-1] for run in runs])
        deviation = f" ± {ends[:, 2].std(ddof=1):.3f}" if len(runs) > 1 else ""
        lines.append(
            f"| {network} | {optimizer} | {targets} | {ends[:, 2].mean():.3f}{deviation} | {ends[:, 1].mean():.1f} |"
        )
    return "\n".join(lines)


def draw(curves: dict[tuple[str, str, str], list[Curve]], networks: list[str]):
    """A row of panels for each network: against steps on the left, against minutes on the right."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.2, 3.2 * len(networks)), layout="constrained")
    panels = figure.subplots(len(networks), 2, squeeze=False, sharey="row")
    for ways, color in zip(itertools.product(("adam", "muon"), TARGETS), COLORS, strict=False):
        for network, row in zip(networks, panels, strict=True):
            for axis, (panel, label) in enumerate(zip(row, ("steps", "minutes"), strict=True)):
                mean = np.mean(curves[(network, *ways)], axis=0)
                for run in curves[(network, *ways)]:
                    panel.plot(*np.array(run)[:, [axis, 2]].T, color=color, alpha=0.3, linewidth=0.8)
                panel.plot(mean[:, axis], mean[:, 2], color=color, label=", ".join(ways))
                panel.set_xlabel(label)
                panel.set_title(network)
            row[0].set_ylabel("PSNR of held-out photographs (dB)")
    panels[0, 0].legend()
    return figure


if __name__ == "__main__":
    main()
