"""CARN: the official recipe, at twice its learning rate with either strategy.

DIV2K 1-800, 600,000 steps of 64 patches of 64 low-resolution pixels, L1, Adam 1e-4 halved at 400,000, gradient norm
clipped to 10 (nmhkahn/CARN-pytorch). The official network trains three scales at once; this one trains one.

Flips and quarter turns. Initialization: kernels uniform with variance 1 / (3 x fan-in), PyTorch's default, as in the
official code; biases at 0. What is validated and kept is the moving average of the weights (momentum 0.999), which the
official code does not have.

Published at x4: Set5 32.01 dB; with both strategies 32.06 (Du et al., Table 2). Not yet run to the end by this
project.

    python training/carn.py --scale 4 --ggas --cwss --data DIV2K_train_HR --output runs/carn

With Muon, tried for 400 steps: `--optimizer muon --learning-rate 2e-3 --patch-size 128 --batch-size 8 --steps 8000`.
"""

import sys
from functools import partial

from keras_lisr.training import Recipe, halving, main
from keras_lisr.zoo import carn


def recipe(scale: int = 4, *, ggas: bool = False, cwss: bool = False) -> Recipe:
    """CARN for one scale."""
    return Recipe(
        build=partial(carn, scale, ggas=ggas, cwss=cwss),
        scale=scale,
        steps=600_000,
        learning_rate=2e-4 if ggas or cwss else 1e-4,
        schedule=halving(every=2 / 3),
        patch_size=64 * scale,
        batch_size=64,
        clip_norm=10.0,
    )


if __name__ == "__main__":
    sys.exit(main(recipe))
