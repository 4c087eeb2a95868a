"""Targets that a trained network makes: what can be known of a picture from its low resolution, and no more.

An original holds detail that nothing in the low resolution tells. To the network it is noise, through which it learns
slowly; a teacher's output has none. docs/training-speed.md shows what that is worth.
"""

import dataclasses
import threading
import zlib
from functools import partial
from pathlib import Path

import keras

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
) -> ImagePairs:
    """Adds what a teacher makes of each image of low resolution, in float32 and rounded to 8 bits.

    Args:
        pairs: Images.
        teacher: Preset, `.keras` file or model.
        scale: Upscaling factor that the teacher must have.
        self_ensemble: Whether the teacher averages over the eight flips and quarter turns: eight times the work.
        store: Folder for files of them, as for `read_pairs`; None holds them in memory.

    Returns:
        The pairs with `labels`; those that the teacher cannot make are left out, with the reason.

    Raises:
        ValueError: If the teacher cannot be loaded, has another scale, or can label none.
    """
    model = teacher if isinstance(teacher, keras.Model) else load_model(teacher)
    upscaler = Upscaler(model, precision="float32", self_ensemble=self_ensemble)
    if upscaler.scale != scale:
        raise ValueError(
            f"`teacher` must be a network of scale {scale}. Received: teacher={str(teacher)!r} of scale "
            f"{upscaler.scale}"
        )
    weights = zlib.crc32(b"".join(weight.tobytes() for weight in model.get_weights()))
    made_by = {"teacher": weights, "self_ensemble": self_ensemble}
    one_at_a_time = threading.Lock()  # The network uses all processors by itself, and compiles at its first call.

    def label(i):
        with one_at_a_time:
            return upscaler(pairs.low_resolution[i])

    items = [
        Item(name, {**made_by, "low_resolution": zlib.crc32(image.tobytes())}, partial(label, i))
        for i, (name, image) in enumerate(zip(pairs.names, pairs.low_resolution, strict=True))
    ]
    labels, problems = hold_images(f"labels_x{scale}", items, store)
    if not labels:
        raise ValueError(f"`teacher` must be able to label the images. Received: {next(iter(problems.values()))}")
    name = teacher.name if isinstance(teacher, keras.Model) else str(teacher)
    return dataclasses.replace(
        pairs.select(labels),
        left_out={**pairs.left_out, **problems},
        labels=HeldImages(list(labels.values())),
        teacher=f"{name}, self-ensemble" if self_ensemble else name,
    )
