"""FSRCNN: the recipe of the paper's authors, at twice its learning rate with GGAS.

DIV2K 1-800, 1,000 epochs of 1,000 steps of 16 patches of 64 low-resolution pixels, L1, Adam 1e-3 halved after each
fifth of the run (NJU-Jet/SR_Framework). The original trains on luma with SGD and squared error on 91 images, then 100
more.

Flips and quarter turns, gradients not clipped. Initialization: kernels normal with variance 2 / fan-in (He), biases at
0. What is validated and kept is the moving average of the weights (momentum 0.999), which the official code does not
have.

Published at x4: Set5 31.08 dB; with GGAS 31.16 (Du et al., Table 2). Not yet run to the end by this project.

    python training/fsrcnn.py --scale 4 --ggas --data DIV2K_train_HR --output runs/fsrcnn

With Muon, as fsrcnn_x4 was: `--optimizer muon --learning-rate 3e-3 --patch-size 128 --batch-size 8 --steps 8000`.
"""

import sys
from functools import partial

from keras_lisr.training import Recipe, halving, main
from keras_lisr.zoo import fsrcnn


def recipe(scale: int = 4, *, ggas: bool = False, head: str = "sub_pixel") -> Recipe:
    """FSRCNN for one scale."""
    return Recipe(
        build=partial(fsrcnn, scale, ggas=ggas, head=head),
        scale=scale,
        steps=1_000_000,
        learning_rate=2e-3 if ggas else 1e-3,
        schedule=halving(every=1 / 5),
        patch_size=64 * scale,
    )


if __name__ == "__main__":
    sys.exit(main(recipe))
