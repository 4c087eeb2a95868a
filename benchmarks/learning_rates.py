"""How fast may a network learn with Muon? Short trainings at growing rates, each to the end of its cosine.

Prints the PSNR on held-out photographs for each network and rate, and where a run broke off:

    python -m benchmarks.learning_rates --data photographs --teacher teachers/x4.keras --output runs/rates
"""

import argparse
from functools import partial
from pathlib import Path

import keras

from benchmarks.optimizers import SCALE, read_curve, read_data
from keras_lisr import zoo
from keras_lisr.training import Recipe, fit, warmup_cosine

BOTH = {"ggas": True, "cwss": True}
NETWORKS = {
    "fsrcnn": partial(zoo.fsrcnn, SCALE, ggas=True),
    "imdn": partial(zoo.imdn, SCALE, **BOTH, attention=None),
    **{
        name: partial(getattr(zoo, name), SCALE, **BOTH)
        for name in ("edsr_baseline", "carn", "idn", "memnet", "shallow_edsr", "rcan")
    },
}


def main() -> None:
    """Trains and prints one line for each network and rate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--teacher", type=Path, required=True, help=".keras file")
    parser.add_argument("--output", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--rates", nargs="+", type=float, default=[1e-3, 2e-3, 4e-3, 8e-3])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--optimizer", default="muon", choices=["muon", "adam"])
    flags = parser.parse_args()
    training, validation = read_data(flags.data, flags.teacher, flags.output)
    for network in flags.networks:
        for rate in flags.rates:
            keras.utils.clear_session()
            recipe = Recipe(
                build=NETWORKS[network],
                scale=SCALE,
                steps=flags.steps,
                optimizer=flags.optimizer,
                learning_rate=rate,
                schedule=warmup_cosine(100),
                patch_size=32 * SCALE,
                batch_size=4,
                candidates=3,
            )
            folder = flags.output / f"{network}_{flags.optimizer}_{rate:g}_{flags.steps}"
            try:
                fit(recipe, training, folder, validation=validation, steps_per_epoch=flags.steps // 2)
                steps, minutes, psnr = read_curve(folder)[-1]
                outcome = f"{psnr:.3f} dB after {steps} steps, {60 * minutes / steps:.3f} s each"
            except FloatingPointError as error:
                outcome = str(error)
            print(f"RESULT {network:16}{flags.optimizer:6}{rate:<8g}{outcome}", flush=True)


if __name__ == "__main__":
    main()
