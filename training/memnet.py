"""MemNet: the recipe of the paper's authors, at twice its learning rate with either strategy.

DIV2K 1-800, 1,000 epochs of 1,000 steps of 16 patches of 64 low-resolution pixels, L1, Adam 1e-4 halved after each
fifth of the run (NJU-Jet/SR_Framework). The original (tyshiwo/MemNet) is another network: SGD 0.1 with clipped
gradients on luma patches of 31 pixels of 291 images, upscaled before.

Flips and quarter turns, gradients not clipped. Initialization: kernels normal with variance 2 / fan-in (He), as in both
codes, biases at 0. What is validated and kept is the moving average of the weights (momentum 0.999), which the official
code does not have.

Published at x4: Set5 31.96 dB; with both strategies 32.05 (Du et al., Table 2). Not yet run to the end by this
project.

    python training/memnet.py --scale 4 --ggas --cwss --data DIV2K_train_HR --output runs/memnet

With Muon, tried for 400 steps: `--optimizer muon --learning-rate 2e-3 --patch-size 128 --batch-size 8 --steps 8000`.
"""

import sys
from functools import partial

from keras_lisr.training import Recipe, halving, main
from keras_lisr.zoo import memnet


def recipe(scale: int = 4, *, ggas: bool = False, cwss: bool = False) -> Recipe:
    """MemNet for one scale."""
    return Recipe(
        build=partial(memnet, scale, ggas=ggas, cwss=cwss),
        scale=scale,
        steps=1_000_000,
        learning_rate=2e-4 if ggas or cwss else 1e-4,
        schedule=halving(every=1 / 5),
        patch_size=64 * scale,
    )


if __name__ == "__main__":
    sys.exit(main(recipe))
