"""A trained network's output as training targets.

An original holds detail that cannot be inferred from the low resolution. To the network it is noise, which slows
learning; a teacher's output has none. See docs/training-speed.md for the gain.
"""

import dataclasses
import threading
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_lisr.data.image_pairs import ImagePairs
from keras_lisr.data.image_store import HeldImages, Item, hold_images
from keras_lisr.inference import Upscaler
from keras_lisr.zoo import load_model


def label_pairs(
    pairs: ImagePairs,
    teacher: keras.Model | str | Path,
    scale: int,
    *,
    self_ensemble: bool = False,
    store: Path | None = None,
    progress: Callable[..., Any] | None = None,
) -> ImagePairs:
    """Adds a teacher's output for each low-resolution image, computed in float32 and rounded to 8 bits.

    Args:
        pairs: Images.
        teacher: Preset, `.keras` file or model.
        scale: Upscaling factor that the teacher must have.
        self_ensemble: Whether the teacher averages over the eight flips and quarter turns: eight times the work.
        store: Folder to keep the labels in, as for `read_pairs`; None holds them in memory.
        progress: As for `read_pairs`.

    Returns:
        The pairs with `labels`; images that the teacher cannot label are in `left_out`.

    Raises:
        ValueError: If the teacher cannot be loaded, has another scale, or cannot label any image.
    """
    model = teacher if isinstance(teacher, keras.Model) else load_model(teacher)
    upscaler = Upscaler(model, precision="float32", self_ensemble=self_ensemble)
    if upscaler.scale != scale:
        raise ValueError(
            f"`teacher` must have scale {scale}. Received: teacher={str(teacher)!r} of scale {upscaler.scale}"
        )
    weights = zlib.crc32(b"".join(weight.tobytes() for weight in model.get_weights()))
    made_by = {"teacher": weights, "self_ensemble": self_ensemble}
    one_at_a_time = threading.Lock()  # The network uses all processors, and compiles at its first call.

    def label(i):
        with one_at_a_time:
            return upscaler(pairs.low_resolution[i])

    items = [
        Item(name, {**made_by, "low_resolution": zlib.crc32(image.tobytes())}, partial(label, i))
        for i, (name, image) in enumerate(zip(pairs.names, pairs.low_resolution, strict=True))
    ]
    labels, problems = hold_images(f"labels_x{scale}", items, store, progress)
    if not labels:
        raise ValueError(f"`teacher` must be able to label the images. Received: {next(iter(problems.values()))}")
    name = teacher.name if isinstance(teacher, keras.Model) else str(teacher)
    return dataclasses.replace(
        pairs.select(labels),
        left_out={**pairs.left_out, **problems},
        labels=HeldImages(list(labels.values())),
        teacher=f"{name}, self-ensemble" if self_ensemble else name,
    )


def pair_with_labels(
    images: Sequence[np.ndarray] | dict[str, np.ndarray], teacher: keras.Model | str | Path, scale: int, **options: Any
) -> ImagePairs:
    """Makes pairs of images that have no high resolution: the teacher's output stands for it.

    Args:
        images: uint8 `(height, width, 3)`, optionally by name.
        teacher: As for `label_pairs`.
        scale: Upscaling factor.
        **options: As for `label_pairs`.
    """
    named = images if isinstance(images, dict) else {str(i): image for i, image in enumerate(images)}
    nothing = [np.empty((0, 0, 3), np.uint8)] * len(named)
    labelled = label_pairs(ImagePairs(list(named), list(named.values()), nothing), teacher, scale, **options)
    assert labelled.labels is not None
    return dataclasses.replace(labelled, high_resolution=labelled.labels)
