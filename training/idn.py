"""IDN: the authors' TensorFlow recipe, at twice its learning rate with either strategy.

DIV2K 1-800, 500,000 steps of 16 patches of 192 high-resolution pixels, L1, Adam 2e-4 halved after each fifth of the
run (Zheng222/IDN-tensorflow, with Pillow's bicubic in place of MATLAB's).

Flips and quarter turns, gradients not clipped. Initialization: Glorot's uniform kernels, biases at 0. What is validated
and kept is the moving average of the weights (momentum 0.999), which the official code does not have.

Published at x4: Set5 31.76 dB; with both strategies 31.85 (Du et al., Table 2). Not yet run to the end by this
project.

    python training/idn.py --scale 4 --ggas --cwss --data DIV2K_train_HR --output runs/idn

With Muon, as idn_x4 was: `--optimizer muon --learning-rate 2e-3 --patch-size 128 --batch-size 8 --steps 8000`.
"""

import sys
from functools import partial

from keras_lisr.training import Recipe, halving, main
from keras_lisr.zoo import idn


def recipe(scale: int = 4, *, ggas: bool = False, cwss: bool = False) -> Recipe:
    """IDN for one scale."""
    return Recipe(
        build=partial(idn, scale, ggas=ggas, cwss=cwss),
        scale=scale,
        steps=500_000,
        learning_rate=4e-4 if ggas or cwss else 2e-4,
        schedule=halving(every=1 / 5),
        patch_size=192,
    )


if __name__ == "__main__":
    sys.exit(main(recipe))
