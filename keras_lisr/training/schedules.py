"""Learning-rate schedules of the recipes; the Keras schedule is made once the number of steps is known."""

import functools
from collections.abc import Callable

import keras

Schedule = Callable[[float, int], keras.optimizers.schedules.LearningRateSchedule]


def halving(every: float) -> Schedule:
    """Halves the learning rate after each `every` of the run: at 0.2, after each fifth."""
    return functools.partial(_halving, every)


def warmup_cosine(warmup_steps: int) -> Schedule:
    """Rises linearly to the learning rate over `warmup_steps` and falls to 0 along a half cosine."""
    return functools.partial(_warmup_cosine, warmup_steps)


def _halving(every: float, learning_rate: float, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    return keras.optimizers.schedules.ExponentialDecay(
        learning_rate, decay_steps=max(1, round(every * steps)), decay_rate=0.5, staircase=True
    )


def _warmup_cosine(
    warmup_steps: int, learning_rate: float, steps: int
) -> keras.optimizers.schedules.LearningRateSchedule:
    warmup_steps = min(warmup_steps, steps // 2)
    return keras.optimizers.schedules.CosineDecay(
        0.0, decay_steps=max(1, steps - warmup_steps), warmup_target=learning_rate, warmup_steps=warmup_steps
    )
