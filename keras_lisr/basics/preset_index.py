"""Reads the index of the presets, the trained networks that come with the package, without Keras.

`keras_lisr.zoo.storage` loads them. The index lies outside the zoo, which imports Keras: seconds are too long to list
the presets or to report a wrong name.
"""

import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keras_lisr.basics.engines import ENGINES_OF_FILES
from keras_lisr.basics.hub import PREFIX, fetch

DEFAULT_PRESET = "imdn_x4"
FOLDER = Path(__file__).parents[1] / "zoo" / "presets"
LITERT = ".tflite"
EXPORTED = tuple(ENGINES_OF_FILES)


@dataclass(frozen=True)
class Preset:
    """A trained network that comes with the package.

    Args:
        name: Name for `from_preset` and `keras-lisr upscale -n`.
        builder: Name of the builder in `keras_lisr.zoo`.
        arguments: Arguments of the builder.
        file: Weights, in the folder of the index.
        sha256: Checksum of the file.
        parameters: Number of trainable parameters.
        multiply_accumulates: Number for a result of 1280x720 pixels.
        measured: Mean PSNR in decibels and mean SSIM, on each benchmark set.
        use: Purpose, in a few words.
        trained: Record of its training, by training/presets.py.
    """

    name: str
    builder: str
    arguments: dict[str, Any]
    file: str
    sha256: str
    parameters: int
    multiply_accumulates: int
    measured: dict[str, list[float]]
    use: str = ""
    trained: dict[str, Any] = field(default_factory=dict)

    @property
    def scale(self) -> int:
        """Upscaling factor of the network."""
        return self.arguments["scale"]

    def exported(self, quantize: str = "float16") -> Path:
        """Returns the path of its LiteRT file, with float16 weights or in int8, which need not exist."""
        return FOLDER / f"{self.name}{'_int8' if quantize == 'int8' else ''}{LITERT}"


def presets() -> list[Preset]:
    """Reads the index."""
    index = json.loads((FOLDER / "index.json").read_text())
    return [Preset(name, **entry) for name, entry in index.items()]


def find_preset(name: str = DEFAULT_PRESET, scale: int | None = None) -> Preset:
    """Finds a preset by its name, or the default or first one of a scale if given. Raises a ValueError if none."""
    known = {preset.name: preset for preset in presets()}
    if scale:
        of_scale = [preset for preset in known.values() if preset.scale == scale]
        return max(of_scale, key=lambda preset: preset.name == DEFAULT_PRESET)
    if name not in known:
        raise ValueError(
            f"`name` must be a preset ({', '.join(known)}), a .keras or .npz file or hf://owner/repository. "
            f"Received: name={name!r}"
        )
    return known[name]


def choose_model(name: str | None = None, *, exported: bool = False) -> str:
    """Checks the name of a preset or the path of a model, without Keras.

    Args:
        name: Name of a preset, by default `DEFAULT_PRESET`; path of a `.keras` or `.npz` file, or its address for
            `basics.hub.fetch`.
        exported: Whether `name` may also be the path of an exported file, `.tflite`, `.onnx` or `.xml`.

    Returns:
        Name of the preset, or path of the file, which is downloaded if necessary: for `keras_lisr.zoo.load_model` or,
        if it is exported, `keras_lisr.exported.ExportedUpscaler`.

    Raises:
        ValueError: If the preset or file does not exist.
    """
    name = DEFAULT_PRESET if name is None else name
    if name.startswith(PREFIX):
        name = str(fetch(name))
    if name.lower().endswith((".h5", ".hdf5")):
        raise ValueError(
            "`model` must be a .keras or .npz file: .h5 files with `keras.ops` cannot be loaded. Build the network, "
            f"call its `load_weights` with the file, and `save` it as .keras. Received: model={name!r}"
        )
    suffixes = (".keras", ".npz", *(EXPORTED if exported else ()))
    if name.lower().endswith((".ckpt", ".pt", ".pth", ".pth.tar")):
        raise ValueError(
            "`model` must be a Keras model; convert PyTorch's files by `keras-lisr import FILE --architecture ... "
            f"--scale ... -o OUT.keras`. Received: model={name!r}"
        )
    if not name.lower().endswith(suffixes):
        return find_preset(name).name
    path = Path(name)
    if not path.is_file():
        raise ValueError(f"`model` must be an existing file. Received: model={name!r}")
    with path.open("rb") as file:
        is_litert = file.read(8)[4:] == b"TFL3"
    suffix = path.suffix.lower()
    if not (is_litert if suffix == LITERT else suffix in EXPORTED or zipfile.is_zipfile(path)):
        raise ValueError(f"`model` must be a {suffix} file. Received: model={name!r} (its content is different)")
    return name


def write_index(entries: list[Preset]) -> None:
    """Writes the index of the presets, in their order."""
    index = {preset.name: {key: value for key, value in vars(preset).items() if key != "name"} for preset in entries}
    (FOLDER / "index.json").write_text(json.dumps(index, indent=2) + "\n")
