"""IMDN: the official recipe, at twice its learning rate with either strategy.

DIV2K 1-800, 1,000 epochs of 1,000 steps of 16 patches of 192 high-resolution pixels at every scale, L1, Adam 2e-4
halved after each fifth of the run (Zheng222/IMDN).

Flips and quarter turns, gradients not clipped. Initialization: kernels uniform with variance 1 / (3 x fan-in),
PyTorch's default, as in the official code; biases at 0. What is validated and kept is the moving average of the weights
(momentum 0.999), which the official code does not have.

Published at x4: Set5 32.21 dB; with both strategies 32.28 (Du et al., Table 2). Not yet run to the end by this
project.

    python training/imdn.py --scale 4 --ggas --cwss --data DIV2K_train_HR --output runs/imdn

With Muon, as imdn_x4 was: `--optimizer muon --learning-rate 1.5e-3 --patch-size 128 --batch-size 8 --steps 8000`.
"""

import sys
from functools import partial

from keras_lisr.training import Recipe, halving, main
from keras_lisr.zoo import imdn


def recipe(scale: int = 4, *, ggas: bool = False, cwss: bool = False, attention: str | None = "cca") -> Recipe:
    """IMDN for one scale; without global pooling if `attention` is None."""
    return Recipe(
        build=partial(imdn, scale, ggas=ggas, cwss=cwss, attention=attention),
        scale=scale,
        steps=1_000_000,
        learning_rate=4e-4 if ggas or cwss else 2e-4,
        schedule=halving(every=1 / 5),
        patch_size=192,
    )


if __name__ == "__main__":
    sys.exit(main(recipe))
