"""The index of the presets, the trained networks that come with the package, readable without starting Keras.

`keras_lisr.zoo.storage` makes models of them. The index lies outside the zoo because importing anything of the zoo
imports Keras, which takes seconds: too long to list the presets or to answer that there is none of a name.
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
        name: What `from_preset` and `keras-lisr upscale -n` take.
        builder: Name of the builder in `keras_lisr.zoo`.
        arguments: What the builder was called with.
        file: Weights, in the folder of the index.
        sha256: Checksum of the file.
        parameters: Number of trainable parameters.
        multiply_accumulates: What a result of 1280x720 pixels takes.
        measured: Mean PSNR in decibels and mean SSIM, on each benchmark set.
        use: What it is for, in a few words.
        trained: How, as training/presets.py tells it.
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
        """Upscaling factor."""
        return self.arguments["scale"]

    def exported(self, quantize: str = "float16") -> Path:
        """Path of its LiteRT file, with float16 weights or in int8, where there is one."""
        return FOLDER / f"{self.name}{'_int8' if quantize == 'int8' else ''}{LITERT}"


def presets() -> list[Preset]:
    """Reads the index."""
    index = json.loads((FOLDER / "index.json").read_text())
    return [Preset(name, **entry) for name, entry in index.items()]


def find_preset(name: str = DEFAULT_PRESET, scale: int | None = None) -> Preset:
    """Finds a preset by its name, or the default or first one of a scale, if that is given.

    Raises:
        ValueError: If there is none.
    """
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
    """Checks, without Keras, a model that is asked for: by the name of its preset or its file.

    Args:
        name: Name of a preset, `DEFAULT_PRESET` if None, path of a `.keras` or `.npz` file, or address of one, as
            `basics.hub.fetch` takes it.
        exported: Whether `name` may also be the path of an exported file, `.tflite`, `.onnx` or `.xml`.

    Returns:
        Name of a preset, or path of the file, fetched if need be: for `keras_lisr.zoo.load_model` or, if it is an
        exported one, `keras_lisr.exported.ExportedUpscaler`.

    Raises:
        ValueError: If there is no such preset or file.
    """
    name = DEFAULT_PRESET if name is None else name
    if name.startswith(PREFIX):
        name = str(fetch(name))
    if name.lower().endswith((".h5", ".hdf5")):
        raise ValueError(
            "`model` must be a .keras or .npz file: what .h5 holds of `keras.ops` cannot be loaded. Build the network, "
            f"call its `load_weights` with the file, and `save` it as .keras. Received: model={name!r}"
        )
    suffixes = (".keras", ".npz", *(EXPORTED if exported else ()))
    if name.lower().endswith((".ckpt", ".pt", ".pth", ".pth.tar")):
        raise ValueError(
            "`model` must be a Keras model, which `keras-lisr import FILE --architecture ... --scale ... -o OUT.keras` "
            f"makes of PyTorch's files. Received: model={name!r}"
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
        raise ValueError(f"`model` must be a {suffix} file. Received: model={name!r} (its content is another)")
    return name


def write_index(entries: list[Preset]) -> None:
    """Writes the index of all presets, in the order in which they are listed."""
    index = {preset.name: {key: value for key, value in vars(preset).items() if key != "name"} for preset in entries}
    (FOLDER / "index.json").write_text(json.dumps(index, indent=2) + "\n")
