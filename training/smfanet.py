"""SMFANet: the official recipe without its loss of frequencies, at twice its learning rate with GGAS.

DIV2K 1-800, 1,000,000 steps of 64 patches of 64 low-resolution pixels, L1, Adam 1e-3, half a cosine to 1e-6
(Zheng-MJ/SMFANet, options/train, for SMFANet and SMFANet+). The official loss has 0.05 times the L1 of the Fourier
transforms beside; here it is L1 alone. Its Adam forgets squared gradients faster (0.99; here Keras's 0.999). Its files
for DIV2K and Flickr2K have no options of their own there, so that nothing is known here of how they were trained.

Flips and quarter turns, gradients not clipped. Initialization: kernels uniform with variance 1 / (3 x fan-in),
PyTorch's default, as in the official code; biases at 0, but that of the first convolution, which is PyTorch's. What is
validated and kept is the moving average of the weights (momentum 0.999), as in the official code.

The authors' SMFANet+ for DIV2K and Flickr2K measures 32.51 dB on Set5 at x4. Not yet run to the end by this project.

    python training/smfanet.py --scale 4 --plus --data DIV2K_train_HR --output runs/smfanet_plus

With Muon, untried: `--optimizer muon --learning-rate 1e-3 --patch-size 128 --batch-size 8 --steps 8000`.
"""

import sys
from functools import partial

import keras

from keras_lisr.training import Recipe, main
from keras_lisr.zoo import smfanet


def recipe(scale: int = 4, *, ggas: bool = False, plus: bool = False) -> Recipe:
    """SMFANet for one scale; `plus` for SMFANet+."""
    return Recipe(
        build=partial(smfanet, scale, plus=plus, ggas=ggas),
        scale=scale,
        steps=1_000_000,
        learning_rate=2e-3 if ggas else 1e-3,
        schedule=cosine,
        patch_size=64 * scale,
        batch_size=64,
    )


def cosine(learning_rate: float, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Half a cosine, to a thousandth."""
    return keras.optimizers.schedules.CosineDecay(learning_rate, steps, alpha=1e-3)


if __name__ == "__main__":
    sys.exit(main(recipe))
