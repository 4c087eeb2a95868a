"""Shallow EDSR: Table 1 of the paper, at twice EDSR's learning rate with either strategy.

DIV2K 1-800, 300 epochs of 1,000 steps of 16 patches of 48 low-resolution pixels, L1, Adam 1e-4 halved after two thirds
of the run: the paper says only "300 epochs"; rate and milestone (epoch 200) are EDSR's. NJU-Jet/SR_Framework, most
likely the authors', halves at the same epoch, from 1e-3, with He's initialization.

Flips and quarter turns, gradients not clipped. Initialization: kernels uniform with variance 1 / (3 x fan-in), as
EDSR's; biases at 0. What is validated and kept is the moving average of the weights (momentum 0.999), which the
official code does not have.

Published at x4: Set5 31.52 dB; with both strategies 31.69, misprinted as 30.69 (Du et al., Table 1). Not yet run to
the end by this project.

    python training/shallow_edsr.py --scale 4 --attention esa --data DIV2K_train_HR --output runs/shallow_edsr_esa

With Muon, as shallow_edsr_x4 was: `--optimizer muon --learning-rate 2e-3 --patch-size 128 --batch-size 8 --steps 8000`.
"""

import sys
from functools import partial

from keras_lisr.training import Recipe, halving, main
from keras_lisr.zoo import shallow_edsr


def recipe(
    scale: int = 4, *, ggas: bool = False, cwss: bool = False, attention: str | None = None, placement: str = "block"
) -> Recipe:
    """Shallow EDSR for one scale; `attention` as Table 1 names it in small letters, none if None."""
    return Recipe(
        build=partial(shallow_edsr, scale, ggas=ggas, cwss=cwss, attention=attention, placement=placement),
        scale=scale,
        steps=300_000,
        learning_rate=2e-4 if ggas or cwss else 1e-4,
        schedule=halving(every=2 / 3),
        patch_size=48 * scale,
    )


if __name__ == "__main__":
    sys.exit(main(recipe))
