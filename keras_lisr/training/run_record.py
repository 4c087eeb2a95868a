"""The record of a run: recipe, versions, machine and data of every start, in `run.json`."""

import datetime
import functools
import importlib.metadata
import json
import logging
import os
import platform
from dataclasses import fields
from pathlib import Path
from typing import Any

import keras

from keras_lisr.basics.whole_files import write_whole
from keras_lisr.data.image_pairs import ImagePairs
from keras_lisr.training.recipe import Recipe

PACKAGES = ("keras_lisr", "keras", "tensorflow", "tensorflow-cpu", "jax", "jaxlib", "torch", "numpy", "pillow")


def record_start(file: Path, recipe: Recipe, images: dict[str, ImagePairs], **others: Any) -> None:
    """Adds a start of a run to its record, and warns if the images have changed since the last start.

    Args:
        file: JSON list of starts, the oldest first; created if absent.
        recipe: Recipe of the run.
        images: Training and validation images, recorded by count, fingerprint and what was left out.
        **others: Further fields, such as seed, precision and first step.
    """
    started = json.loads(file.read_text()) if file.exists() else []
    described = {
        name: {"count": len(pairs), "fingerprint": pairs.fingerprint(), "left_out": pairs.left_out}
        for name, pairs in images.items()
    }
    if started and started[-1]["images"] != described:
        logging.getLogger(__name__).warning("the images are not those of the last start: see %s", file)
    started.append(
        {
            "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            **others,
            "optimizer": to_json(recipe.make_optimizer()),
            "recipe": {field.name: to_json(getattr(recipe, field.name)) for field in fields(recipe)},
            "images": described,
            "versions": {
                package.name: package.version
                for package in importlib.metadata.distributions()
                if package.name.lower() in PACKAGES
            },
            "machine": {
                "system": platform.platform(),
                "processors": os.cpu_count(),
                "python": platform.python_version(),
                "backend": keras.backend.backend(),
            },
        }
    )
    with write_whole(file) as partial:
        partial.write_text(json.dumps(started, indent=2) + "\n")


def to_json(value: Any) -> Any:
    """Returns a recipe's value as JSON: functions by their full names, partial ones with their arguments."""
    if isinstance(value, functools.partial):
        arguments = {"arguments": [to_json(each) for each in value.args]} if value.args else {}
        keywords = {name: to_json(each) for name, each in value.keywords.items()}
        return {"function": to_json(value.func), **arguments, **keywords}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if hasattr(value, "get_config") and not isinstance(value, type):
        return keras.saving.serialize_keras_object(value)
    return f"{value.__module__}.{value.__qualname__}" if hasattr(value, "__qualname__") else repr(value)
