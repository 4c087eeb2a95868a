"""Training with `model.fit`: recipes, checkpoints and exact resume.

Importing it starts TensorFlow silently, and with oneDNN, which saves a third of a step's time on processors without
AVX-512, where TensorFlow leaves it off (decision 4). Settings in the environment take precedence.
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
