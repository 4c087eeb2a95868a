"""EDSR-baseline: the official recipe, at twice its learning rate with either strategy.

DIV2K 1-800, 300 epochs of 1,000 steps of 16 patches of 48 low-resolution pixels, L1, Adam 1e-4 halved after each 200
epochs (EDSR-PyTorch). The official x3 and x4 start from the x2 network: `--scale 4 --from X2.keras`.

Flips and quarter turns, gradients not clipped. Initialization: kernels uniform with variance 1 / (3 x fan-in),
PyTorch's default, as in the official code; biases at 0. What is validated and kept is the moving average of the weights
(momentum 0.999), which the official code does not have.

Published at x4: Set5 32.09 dB; with both strategies 32.24 (Du et al., Table 2). Not yet run to the end by this
project.

    python training/edsr_baseline.py --scale 4 --ggas --cwss --data DIV2K_train_HR --output runs/edsr_baseline

With Muon, as its preset was: `--optimizer muon --learning-rate 1e-3 --patch-size 128 --batch-size 8 --steps 8000`.
"""

import sys
from functools import partial

from keras_lisr.training import Recipe, halving, main
from keras_lisr.zoo import edsr_baseline


def recipe(scale: int = 4, *, ggas: bool = False, cwss: bool = False) -> Recipe:
    """EDSR-baseline for one scale."""
    return Recipe(
        build=partial(edsr_baseline, scale, ggas=ggas, cwss=cwss),
        scale=scale,
        steps=300_000,
        learning_rate=2e-4 if ggas or cwss else 1e-4,
        schedule=halving(every=2 / 3),
        patch_size=48 * scale,
    )


if __name__ == "__main__":
    sys.exit(main(recipe))
