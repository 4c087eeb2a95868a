"""Presets: trained weights that come with the package, and files of the same kind made by others."""

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_lisr.basics import preset_index
from keras_lisr.basics.preset_index import DEFAULT_PRESET as DEFAULT_PRESET
from keras_lisr.basics.preset_index import Preset, choose_model, find_preset, presets, write_index
from keras_lisr.graph.weight_budget import at_most_weights

SUFFIX = ".npz"
ARCHITECTURE = "architecture"
LONGEST_JSON = 2**24  # Bytes of what describes a model; that of RCAN takes one million.
MOST_INFLATION = 10  # Weights hardly compress.
MOST_UNSTORED = 4  # Weights that Keras makes for each that is stored: LoRA's matrices are merged when it saves.
LONGEST_CAUSE = 300
LARGEST_NUMBER = 4096  # In the description of a layer,
NO_SIZES = {"seed", "shared_object_id"}  # but for these.
LARGEST_ARGUMENT = 64  # Of a builder, whatever the weights: scales, kernel sizes, ratios.


def from_preset(name_or_path: str | Path, folder: Path | None = None) -> keras.Model:
    """Builds a network with trained weights.

    Args:
        name_or_path: Name of a preset, or path of a `.npz` file that `save_preset` wrote.
        folder: Where the index and the weights lie, by default in the package.

    Returns:
        The model, in float32 or under the precision policy that is set.

    Raises:
        ValueError: If there is no such preset or file, its checksum differs, or the weights are not the network's.

    Example:

        model = from_preset("imdn_x4")
    """
    if str(name_or_path).endswith(SUFFIX):
        return _load(Path(name_or_path))
    preset = find_preset(str(name_or_path), folder=folder)
    path = (folder or preset_index.FOLDER) / preset.file
    if checksum(path) != preset.sha256:
        raise ValueError(
            f"`name_or_path` must be a preset whose file has SHA-256 {preset.sha256}. "
            f"Received: name_or_path={preset.name!r} ({path}: {checksum(path)})"
        )
    return _load(path)


def load_model(name_or_path: str | Path) -> keras.Model:
    """The model of a preset, of a `.npz` preset file or of a `.keras` file.

    Args:
        name_or_path: Name of a preset, or path of the file.

    Returns:
        The model, not compiled.

    Raises:
        ValueError: If there is no such preset or file, Keras cannot load it, it inflates to far more than it is long,
            describes a larger model than its weights are for or absurd sizes, or its weights are not finite.
    """
    name = choose_model(str(name_or_path))
    if not name.endswith(".keras"):
        return from_preset(name)
    try:
        check_inflated(Path(name))
        check_numbers(Path(name))
        with at_most_weights(MOST_UNSTORED * count_stored(Path(name))):
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


def check_inflated(path: Path) -> None:
    """Checks that a `.keras` or `.npz` file does not fill the memory before it is known what it holds.

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


def check_numbers(path: Path) -> None:
    """Checks that no layer of a `.keras` file has a batch, a dilation or a padding that alone would fill the memory.

    Raises:
        ValueError: If one has.
    """

    def check(described: dict[str, Any]) -> None:  # Which leaves None in its place for those around it.
        for name, value in described.items():
            for number in keras.tree.flatten(value) if isinstance(value, list) else [value]:
                if isinstance(number, int) and number > LARGEST_NUMBER and name not in NO_SIZES:
                    raise ValueError(f"`{name}` must be at most {LARGEST_NUMBER}. Received: {name}={value}")

    with zipfile.ZipFile(path) as archive:
        json.loads(archive.read("config.json"), object_hook=check)


def count_stored(path: Path) -> int:
    """How many numbers the weights of a `.keras` file are, at most."""
    import h5py  # Keras reads them with it; presets do not need it.

    with zipfile.ZipFile(path) as archive:
        stored = archive.read("model.weights.h5")
    datasets = []
    with h5py.File(io.BytesIO(stored)) as weights:
        weights.visititems(lambda _, found: datasets.append(found) if isinstance(found, h5py.Dataset) else None)
        numbers, length = (sum(getattr(dataset, name) for dataset in datasets) for name in ("size", "nbytes"))
    # What no file of this length could hold was never written.
    return min(numbers, numbers * MOST_INFLATION * len(stored) // max(length, 1))


def cause_of(error: Exception) -> str:
    """What Keras could not load, without the configuration of all that it stands in."""
    innermost = str(error).rpartition("Exception encountered: ")[2]
    return " ".join(innermost.partition("Full object config:")[0].split())[:LONGEST_CAUSE]


def save_preset(model: keras.Model, path: str | Path, *, builder: str, arguments: Mapping[str, Any]) -> None:
    """Writes a network's weights in float16, together with how to build it, to a file for `from_preset`.

    Args:
        model: The trained network.
        path: File to write, `.npz`.
        builder: Name of the builder in `keras_lisr.zoo`.
        arguments: What the builder was called with: values that JSON knows, `scale` among them.

    Raises:
        ValueError: If `path` has another suffix, the builder makes other weights than those of `model`, or one of
            them is beyond float16.

    Example:

        save_preset(imdn(scale=4, ggas=True), "imdn_ggas_x4.npz", builder="imdn", arguments={"scale": 4, "ggas": True})
    """
    if Path(path).suffix != SUFFIX:
        raise ValueError(f"`path` must end in {SUFFIX}. Received: path={str(path)!r}")
    architecture = json.dumps({"builder": builder, "arguments": dict(arguments)})
    with np.errstate(over="ignore"):  # What becomes infinite is refused below, by its name.
        weights = {weight.path: keras.ops.convert_to_numpy(weight.value).astype(np.float16) for weight in model.weights}
    for name, values in weights.items():
        if not np.isfinite(values).all():
            raise ValueError(f"`model` must have weights within float16. Received: {name!r} beyond ±65,504")
    _assign(_build(architecture), weights)
    arrays: dict[str, Any] = {ARCHITECTURE: np.array(architecture), **weights}
    np.savez_compressed(path, **arrays)


def register_preset(
    name: str,
    path: str | Path,
    *,
    multiply_accumulates: int,
    measured: Mapping[str, Sequence[float]],
    use: str = "",
    trained: Mapping[str, Any] | None = None,
    folder: Path | None = None,
) -> Preset:
    """Copies a file of `save_preset` into the package and enters it into the index, in place of one of the same name.

    Args:
        name: Name of the preset.
        path: The file.
        multiply_accumulates: What a result of 1280x720 pixels takes, as `keras_lisr.evaluation` counts it.
        measured: Mean PSNR in decibels and mean SSIM, on each benchmark set.
        use: What it is for, in a few words.
        trained: How it was trained, of what JSON can hold.
        folder: As for `from_preset`.

    Returns:
        The entry.

    Raises:
        ValueError: If the file is not such a file.
    """
    folder = folder or preset_index.FOLDER
    model = _load(Path(path))
    file = folder / f"{name}{SUFFIX}"
    file.write_bytes(Path(path).read_bytes())
    preset = Preset(
        name,
        **json.loads(_read(file)[0]),
        file=file.name,
        sha256=checksum(file),
        parameters=sum(math.prod(weight.shape) for weight in model.trainable_weights),
        multiply_accumulates=multiply_accumulates,
        measured={name: list(values) for name, values in measured.items()},
        use=use,
        trained=dict(trained or {}),
    )
    write_index(list(({known.name: known for known in presets(folder)} | {name: preset}).values()), folder)
    return preset


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _load(path: Path) -> keras.Model:
    architecture, weights = _read(path)
    try:
        _check_arguments(architecture, weights)
        with at_most_weights(sum(values.size for values in weights.values())):
            model = _build(architecture)
        _assign(model, weights)
    # Whatever builders raise for arguments that they do not know, and what is no architecture at all.
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"`path` must be a preset file. Received: path={str(path)!r} ({error})") from error
    return model


def _read(path: Path) -> tuple[str, dict[str, np.ndarray]]:
    """Architecture and weights of a preset file."""
    try:
        check_inflated(path)
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = dict(stored)
        return str(arrays.pop(ARCHITECTURE)), arrays
    except Exception as error:  # NumPy and zipfile raise half a dozen types for broken files.
        raise ValueError(f"`path` must be a preset file. Received: path={str(path)!r} ({error})") from error


def _check_arguments(architecture: str, weights: Mapping[str, np.ndarray]) -> None:
    """Checks that no argument asks for a network far beyond the weights, which would fill the memory first.

    Raises:
        ValueError: If one does, or the weights are not finite.
    """
    sides = [side for values in weights.values() if values.size for side in values.shape]  # Empty ones cost nothing.
    most = max(LARGEST_ARGUMENT, len(weights), *sides)
    for name, value in json.loads(architecture)["arguments"].items():
        if isinstance(value, int) and value > most:
            raise ValueError(f"`{name}` must be at most {most}, by its weights. Received: {name}={value}")
    for name, values in weights.items():
        if not np.isfinite(values).all():
            raise ValueError(f"the weights must be finite, and {name!r} is not")


def _build(architecture: str) -> keras.Model:
    """Calls the builder that an architecture names."""
    from keras_lisr import zoo  # It imports this module.

    stored = json.loads(architecture)
    builder, arguments = stored["builder"], stored["arguments"]
    build: Any = getattr(zoo, builder, None)
    if getattr(build, "__module__", None) != f"keras_lisr.zoo.{builder}":
        raise ValueError(f"`builder` must be a network of keras_lisr.zoo. Received: builder={builder!r}")
    return build(**arguments)


def _assign(model: keras.Model, weights: Mapping[str, np.ndarray]) -> None:
    """Sets every weight of a model, each by its path, and uses every one that is given."""
    paths = {weight.path for weight in model.weights}
    for path in paths ^ weights.keys():
        where = "the network" if path in paths else "the file"
        raise ValueError(f"The weights must be those of {model.name!r}. Received: {path!r} in {where} only")
    for weight in model.weights:
        values = weights[weight.path]
        if values.shape != tuple(weight.shape):
            raise ValueError(
                f"The weights must be those of {model.name!r}. Received: {weight.path!r} of shape {values.shape} "
                f"in place of {tuple(weight.shape)}"
            )
        weight.assign(values.astype(np.float32))
