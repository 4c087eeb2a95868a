"""Networks with their weights: presets, which come with the package, and files of others."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_lisr.basics import preset_index
from keras_lisr.basics.preset_index import choose_model, find_preset
from keras_lisr.exported.sidecar import checksum
from keras_lisr.graph.weight_budget import at_most_weights
from keras_lisr.zoo.network import BUILDERS, SuperResolutionModel, compare_layers

SUFFIX = ".npz"
ARCHITECTURE = "architecture"
LONGEST_JSON = 2**24  # Bytes of what describes a model; that of RCAN takes one million.
MOST_INFLATION = 10  # Weights hardly compress.
LARGEST_ARGUMENT = 256  # Of a builder: the channels of the full EDSR. MemNet's recursions share their weights.


def from_preset(name_or_path: str | Path) -> SuperResolutionModel:
    """Builds a network with trained weights.

    Args:
        name_or_path: Name of a preset, path of a file that `save_preset` wrote, or address of one on the Hugging Face
            Hub: `hf://owner/repository`, as `push_to_hub` returns it.

    Returns:
        The model, in float32 or under the precision policy that is set.

    Raises:
        ValueError: If there is no such preset or file, its checksum differs, or the weights are not the network's.

    Example:

        model = from_preset("imdn_x4")
    """
    name = choose_model(str(name_or_path))
    if Path(name).suffix:
        return _load(Path(name))
    preset = find_preset(name)
    path = preset_index.FOLDER / preset.file
    if checksum(path) != preset.sha256:
        raise ValueError(
            f"`name_or_path` must be a preset whose file has SHA-256 {preset.sha256}. "
            f"Received: name_or_path={preset.name!r} ({path}: {checksum(path)})"
        )
    return _load(path)


def load_model(name_or_path: str | Path) -> keras.Model:
    """The model of a preset, of a `.npz` preset file or of a `.keras` file.

    Args:
        name_or_path: Name of a preset, path of the file, or its address on the Hugging Face Hub.

    Returns:
        The model, not compiled.

    Raises:
        ValueError: If there is no such preset or file, Keras cannot load it, it inflates to far more than it is long,
            describes a larger model than its weights are for, or its weights are not finite.
    """
    name = choose_model(str(name_or_path))
    if not name.lower().endswith(".keras"):
        return from_preset(name)
    try:
        # A stored weight takes a byte or more. As a rule it takes four, which leaves room for the matrices of LoRA:
        # Keras merges them when it saves, and makes them again when it loads.
        with at_most_weights(inflated_length(Path(name))):
            model = keras.models.load_model(name, compile=False, safe_mode=True)
    except Exception as error:  # Whatever the file's layers and their configuration raise.
        raise ValueError(
            f"`model` must be a model that Keras can load. Received: model={name!r} ({cause_of(error)})"
        ) from error
    for weight in model.weights:
        if not np.isfinite(keras.ops.convert_to_numpy(weight)).all():
            raise ValueError(
                f"`model` must have finite weights. Received: model={name!r}, in which {weight.path!r} is not"
            )
    return model


def inflated_length(path: Path) -> int:
    """Bytes of all that a `.keras` or `.npz` file holds, before any of it is read.

    Raises:
        ValueError: If its description is too long, or it inflates to far more than it is long.
    """
    with zipfile.ZipFile(path) as archive:
        lengths = {member.filename: member.file_size for member in archive.infolist()}
    for name, length in lengths.items():
        if name.endswith(".json") and length > LONGEST_JSON:
            raise ValueError(f"its {name} has {length} bytes; {LONGEST_JSON} at most can be read")
    inflated, most = sum(lengths.values()), LONGEST_JSON + MOST_INFLATION * path.stat().st_size
    if inflated > most:
        raise ValueError(f"it inflates to {inflated} bytes; {most} at most can be read")
    return inflated


def cause_of(error: Exception) -> str:
    """Shortens an error of Keras to the innermost cause, without the configuration of the layers around it."""
    innermost = str(error).rpartition("Exception encountered: ")[2]
    return " ".join(innermost.partition("Full object config:")[0].split())[:300]


def save_preset(model: SuperResolutionModel, path: str | Path) -> None:
    """Writes a network's weights in float16, together with how to build it, to a file for `from_preset`.

    Args:
        model: A trained network that a builder of `keras_lisr.zoo` made.
        path: File to write, `.npz`.

    Raises:
        ValueError: If `path` has another suffix, the builder would not make `model` again exactly, as with a layer
            that is not registered with Keras, an argument is beyond 256, or a weight is beyond float16.

    Example:

        save_preset(imdn(scale=4, ggas=True), "imdn_ggas_x4.npz")
    """
    if Path(path).suffix != SUFFIX:
        raise ValueError(f"`path` must end in {SUFFIX}. Received: path={str(path)!r}")
    if not isinstance(model, SuperResolutionModel):
        raise ValueError(
            "`model` must be as a builder of keras_lisr.zoo makes it; save any other as .keras. "
            f"Received: model={model.name!r}, a {type(model).__name__}"
        )
    architecture = json.dumps({"builder": model.builder, "arguments": model.arguments})
    try:
        rebuilt = _build(architecture)
        difference = compare_layers(model, rebuilt)
    except TypeError as error:  # Keras does not find a layer's class.
        difference = cause_of(error)
    if difference:
        raise ValueError(
            f"`model` must be as {model.builder} makes it with {model.arguments}; save any other as .keras. "
            f"Received: model={model.name!r}, which differs: {difference}"
        )
    with np.errstate(over="ignore"):  # What becomes infinite is refused where it is assigned.
        weights = {weight.path: keras.ops.convert_to_numpy(weight.value).astype(np.float16) for weight in model.weights}
    _assign(rebuilt, weights)
    arrays: dict[str, Any] = {ARCHITECTURE: np.array(architecture), **weights}
    np.savez_compressed(path, **arrays)


def _load(path: Path) -> SuperResolutionModel:
    """Loads the network of a preset file."""
    try:
        inflated_length(path)
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            weights = dict(stored)
        architecture = str(weights.pop(ARCHITECTURE))
        with at_most_weights(sum(values.size for values in weights.values())):
            model = _build(architecture)
        _assign(model, weights)
    except Exception as error:  # NumPy, zipfile, json and the builders raise a dozen types for broken files.
        raise ValueError(f"`path` must be a preset file. Received: path={str(path)!r} ({error})") from error
    return model


def _build(architecture: str) -> SuperResolutionModel:
    """Calls the builder that an architecture names."""
    stored = json.loads(architecture)
    builder, arguments = stored["builder"], stored["arguments"]
    if builder not in BUILDERS:
        raise ValueError(f"`builder` must be one of {', '.join(BUILDERS)}. Received: builder={builder!r}")
    for name, value in arguments.items():
        if isinstance(value, int) and value > LARGEST_ARGUMENT:
            raise ValueError(f"`{name}` must be at most {LARGEST_ARGUMENT}. Received: {name}={value}")
    return BUILDERS[builder](**arguments)


def _assign(model: keras.Model, weights: Mapping[str, np.ndarray]) -> None:
    """Sets every weight of a model, each by its path, and uses every one that is given."""
    shapes = {weight.path: tuple(weight.shape) for weight in model.weights}
    for path in {**shapes, **weights}:
        given, wanted = weights[path].shape if path in weights else "none", shapes.get(path, "none")
        if given != wanted:
            raise ValueError(
                f"The weights must be those of {model.name!r}. Received: {path!r} of shape {given} in place of {wanted}"
            )
    for weight in model.weights:
        values = weights[weight.path]
        if not np.isfinite(values).all():
            raise ValueError(f"The weights must be finite in float16. Received: {weight.path!r}, which is not")
        weight.assign(values.astype(np.float32))
