"""Where should the global attention map start? Equal short trainings of two networks, for each initial bias of the GAB.

Trains each network without GGAS, with the paper's literal bias of 0 and with a positive bias, for the same steps on the
same patches, and prints the PSNR on held-out photographs. The measurement behind
docs/decisions/0002-initial-attention.md:

    python benchmarks/initial_attention.py --data $KERAS_LISR_DATA/train --output /tmp/initial_attention
"""

import argparse
from functools import partial
from pathlib import Path

import keras

from keras_lisr.data import hold_out_photographs, read_pairs
from keras_lisr.inference import Upscaler
from keras_lisr.layers import GlobalAttentionBlock
from keras_lisr.training import Recipe, fit, warmup_cosine
from keras_lisr.training.callbacks import mean_psnr
from keras_lisr.zoo import imdn, shallow_edsr

SCALE = 4
NETWORKS = {
    "shallow_edsr, 16 blocks of 32": partial(shallow_edsr, SCALE, num_blocks=16, num_filters=32),
    "imdn, 6 blocks of 32, no CCA": partial(imdn, SCALE, attention=None, num_filters=32),
}
SETTINGS = {
    "plain": {},
    "GGAS, bias 0": {"ggas": partial(GlobalAttentionBlock, initial_bias=0.0)},
    "GGAS, bias 3": {"ggas": partial(GlobalAttentionBlock, initial_bias=3.0)},
}


def main() -> None:
    """Trains and prints one line for each network, setting and seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=1)
    flags = parser.parse_args()
    pairs = read_pairs(flags.data, SCALE, smallest_side=24 * SCALE)
    train, held_out = map(pairs.select, hold_out_photographs(pairs.names, every=24))
    for network, build in NETWORKS.items():
        for setting, options in SETTINGS.items():
            for seed in range(flags.seeds):
                recipe = Recipe(
                    build=partial(build, **options),
                    scale=SCALE,
                    steps=flags.steps,
                    learning_rate=1e-3,
                    schedule=warmup_cosine(100),
                    patch_size=24 * SCALE,
                    batch_size=8,
                    averaging=0.99,
                )
                output = flags.output / f"{network}, {setting}, seed {seed}".replace(", ", "_").replace(" ", "_")
                model = fit(
                    recipe,
                    train,
                    output,
                    validation=held_out.select(held_out.names[:1]),
                    precision="float32",
                    seed=seed,
                    steps_per_epoch=500,
                )
                decibels = mean_psnr(Upscaler(model), held_out, SCALE)
                print(f"RESULT {network:32}{setting:16}seed {seed}  {decibels:.3f} dB", flush=True)
                keras.backend.clear_session()


if __name__ == "__main__":
    main()
