"""Pictures that move."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keras_lisr.pictures.picture import Picture


@dataclass(frozen=True)
class Animation:
    """Frames, each as it is seen, and when it is seen.

    Args:
        frames: At least one, all of the same size, type and number of channels; 8 bits.
        durations: How long each is shown, in milliseconds.
        loop: How often all are shown; 0 for ever.
    """

    frames: list[Picture]
    durations: list[int]
    loop: int = 0


def in_steps(durations: Sequence[float], step: int) -> list[int]:
    """Durations in whole steps, so that frames begin when they did, up to half a step.

    Args:
        durations: In milliseconds.
        step: Likewise; what is shorter, but not nothing, gets one.
    """
    starts = step * np.floor(np.cumsum([0, *durations]) / step + 0.5)
    return [max(step, int(time)) if before else 0 for before, time in zip(durations, np.diff(starts), strict=True)]
