"""How fast may a network learn with Muon? Short trainings at growing rates, each to the end of its cosine.

Prints the PSNR on held-out photographs for each network and rate, and where a run broke off. The paper says that with
CWSS a network bears a higher rate: `--strategies plain CWSS` asks.

    python -m benchmarks.learning_rates --data photographs --teacher teachers/x4.keras --output runs/rates
"""

import argparse
import inspect
import itertools
from functools import partial
from pathlib import Path

import keras

from benchmarks.optimizers import SCALE, read_curve, read_data
from keras_lisr import zoo
from keras_lisr.training import Recipe, fit, warmup_cosine

NETWORKS = ("fsrcnn", "imdn", "edsr_baseline", "carn", "idn", "memnet", "shallow_edsr", "rcan")
STRATEGIES = {"plain": (), "GGAS": ("ggas",), "CWSS": ("cwss",), "both": ("ggas", "cwss")}  # FSRCNN has no CWSS.


def main() -> None:
    """Trains and prints one line for each network and rate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--teacher", type=Path, required=True, help=".keras file")
    parser.add_argument("--output", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--networks", nargs="+", default=NETWORKS, choices=NETWORKS)
    parser.add_argument("--strategies", nargs="+", default=["both"], choices=STRATEGIES)
    parser.add_argument("--rates", nargs="+", type=float, default=[1e-3, 2e-3, 4e-3, 8e-3])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--optimizer", default="muon", choices=["muon", "adam"])
    flags = parser.parse_args()
    training, validation = read_data(flags.data, flags.teacher, flags.output)
    for network, strategy, rate in itertools.product(flags.networks, flags.strategies, flags.rates):
        keras.utils.clear_session()
        build = getattr(zoo, network)
        options = {name: True for name in STRATEGIES[strategy] if name in inspect.signature(build).parameters}
        recipe = Recipe(
            build=partial(build, SCALE, **options),
            scale=SCALE,
            steps=flags.steps,
            optimizer=flags.optimizer,
            learning_rate=rate,
            schedule=warmup_cosine(100),
            patch_size=32 * SCALE,
            batch_size=4,
            candidates=3,
        )
        folder = flags.output / f"{network}_{strategy}_{flags.optimizer}_{rate:g}_{flags.steps}"
        try:
            fit(recipe, training, folder, validation=validation, steps_per_epoch=flags.steps // 2)
            steps, minutes, psnr = read_curve(folder)[-1]
            outcome = f"{psnr:.3f} dB after {steps} steps, {60 * minutes / steps:.3f} s each"
        except FloatingPointError as error:
            outcome = str(error)
        print(f"RESULT {network:16}{strategy:6}{flags.optimizer:6}{rate:<8g}{outcome}", flush=True)


if __name__ == "__main__":
    main()
