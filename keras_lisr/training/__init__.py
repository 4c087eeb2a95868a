"""Training with `model.fit`: recipes, and everything that a long run needs around them."""

from keras_lisr.training.command import main
from keras_lisr.training.fit import fit
from keras_lisr.training.recipe import Recipe
from keras_lisr.training.schedules import halving, warmup_cosine

__all__ = ["Recipe", "fit", "halving", "main", "warmup_cosine"]
