"""Pictures that move."""

from dataclasses import dataclass

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
