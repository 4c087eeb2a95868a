"""The default preset: IMDN with both strategies in place of its global pooling.

GGAS attends, so contrast-aware channel attention goes, and with it the pooling over the whole picture: tiles are
exact and phones are happier. L1, Adam with warm-up and cosine decay, averaged weights. The most detailed third of the
patches drawn, of 48 low-resolution pixels, 16 a step; a run on a machine without AMX starts better with `--patch-size
128 --batch-size 4`, nine times cheaper.

Bar at x4: Set5 31.6 dB, Set14 28.2 dB (float luma, shave 4); the paper's IMDN with both strategies, on DIV2K, has
32.28 on Set5. What the shipped weights reached, in which time and on which machine, stands in zoo/imdn.md.

    python training/default.py --scale 4 --data photographs --output runs/imdn_x4
"""

import sys
from functools import partial

from keras_lisr.training import Recipe, main, warmup_cosine
from keras_lisr.zoo import imdn


def recipe(scale: int = 4) -> Recipe:
    """The network behind the presets, for one scale."""
    return Recipe(
        build=partial(imdn, scale, ggas=True, cwss=True, attention=None),
        scale=scale,
        steps=400_000,
        learning_rate=4e-4,
        schedule=warmup_cosine(200),
        patch_size=48 * scale,
        candidates=3,
    )


if __name__ == "__main__":
    sys.exit(main(recipe))
