"""Training with `model.fit`: recipes, and everything that a long run needs around them.

TensorFlow leaves oneDNN off on processors without AVX-512, where it saves a third of a step's time (decision 4). It
reads the setting once, when it is imported; what the environment says stays.
"""

import os
import sys

if "tensorflow" not in sys.modules:
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

from keras_lisr.training.command import main
from keras_lisr.training.fit import fit
from keras_lisr.training.recipe import Recipe
from keras_lisr.training.schedules import halving, warmup_cosine

__all__ = ["Recipe", "fit", "halving", "main", "warmup_cosine"]
