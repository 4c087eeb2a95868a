"""Training with `model.fit`: recipes, and everything that a long run needs around them.

TensorFlow starts without a word, and with oneDNN, which it leaves off on processors without AVX-512, where it saves a
third of a step's time (decision 4). It reads both settings once, when it is imported; what the environment says stays.
"""

import sys
from contextlib import nullcontext

from keras_lisr.basics.silent_start import silent_start

with nullcontext() if "tensorflow" in sys.modules or sys.stderr is None else silent_start():
    from keras_lisr.training.command import main
    from keras_lisr.training.fit import fit
    from keras_lisr.training.recipe import Recipe
    from keras_lisr.training.schedules import halving, warmup_cosine

__all__ = ["Recipe", "fit", "halving", "main", "warmup_cosine"]
