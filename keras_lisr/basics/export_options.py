"""Checks the options of an export, without Keras.

It lies outside `keras_lisr.export`, which imports Keras: seconds are too long to report that two options do not go
together.
"""

import reprlib
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

SUFFIXES = {"litert": ".tflite", "onnx": ".onnx", "openvino": ".xml"}
BY_SUFFIX = {suffix: name for name, suffix in SUFFIXES.items()} | {"": "saved_model"}
FORMATS = ("saved_model", *SUFFIXES, "web")
QUANTIZATIONS = ("none", "float16", "dynamic", "int8")
TYPES = ("float32", "uint8", "int8")
FORMATS_WITH = {"quantize": ("litert",), "shape": ("litert", "onnx"), "io": ("litert",), "opset": ("onnx",)}
LEAST_OPSET = 7
MODEL = "model.tflite"  # In the folder of a page.
CONTENTS = {
    "saved_model": ("saved_model.pb", "fingerprint.pb", "variables", "assets"),
    "web": ("index.html", MODEL, f"{MODEL}.json", "page", "runtime", "service-worker.js"),
}


@dataclass(frozen=True)
class ExportOptions:
    """Options of `keras_lisr.export.export_model`, of the same names, that go together.

    `path` becomes absolute, and `format` is derived from it if not given.

    Raises:
        ValueError: If an option is unknown or does not go with another, or `path` has a wrong suffix or belongs to
            something else.
    """

    path: Path
    _: KW_ONLY
    format: str = ""
    quantize: str = "none"
    shape: tuple[int, int] | None = None
    representative: Any = None
    io: str = "float32"
    fine_tune: int = 0
    opset: int | None = None

    def __post_init__(self):
        path = Path(self.path).resolve()  # The target of a link is written, and needs the right name.
        format = self.format or BY_SUFFIX.get(path.suffix)
        object.__setattr__(self, "path", path)
        object.__setattr__(self, "format", format)
        if format is None:
            raise ValueError(
                "`format` must be given unless the name ends in .tflite, .onnx or .xml, or has no suffix. "
                f"Received: path={str(path)!r}"
            )
        for name, known in (("format", FORMATS), ("quantize", QUANTIZATIONS), ("io", TYPES)):
            if (value := getattr(self, name)) not in known:
                raise ValueError(f"`{name}` must be one of {', '.join(known)}. Received: {name}={value!r}")
        self._check_path()
        for name, formats in FORMATS_WITH.items():
            value, default = getattr(self, name), getattr(ExportOptions, name)
            if format not in formats and value != default:
                raise ValueError(f"`{name}` must be {default!r} for {format!r}. Received: {name}={value!r}")
        self._check_values()

    def _check_path(self) -> None:
        path, suffix = self.path, SUFFIXES.get(self.format)
        if suffix and path.suffix != suffix:
            raise ValueError(f"`path` must end in {suffix} for {self.format!r}. Received: path={str(path)!r}")
        if not path.parent.is_dir() or (path.exists() and path.is_dir() != (suffix is None)):
            what = "file" if suffix else "folder"
            raise ValueError(f"`path` must be a {what} in an existing folder. Received: path={str(path)!r}")
        found = {file.name for file in path.iterdir()} if path.is_dir() else set()
        known = CONTENTS.get(self.format, ())
        if found and not (known[0] in found and found <= {*known}):
            raise ValueError(
                f"`path` must be a new or empty folder, or one to replace that was exported for {self.format!r}. "
                f"Received: path={str(path)!r}, where there is {min(found.difference(known) or found)!r}"
            )
        weights = path.with_suffix(".bin")
        if self.format == "openvino" and weights.exists() and not path.exists():
            raise ValueError(f"`path` must be a name without a {weights.name} of others. Received: path={str(path)!r}")

    def _check_values(self) -> None:
        shape, quantize, opset = self.shape, self.quantize, self.opset
        if opset is not None and (type(opset) is not int or opset < LEAST_OPSET):
            raise ValueError(f"`opset` must be an integer of at least {LEAST_OPSET}. Received: opset={opset!r}")
        if shape is not None and (len(shape) != 2 or not all(isinstance(side, int) and side > 0 for side in shape)):
            raise ValueError(f"`shape` must be a height and a width in pixels. Received: shape={shape!r}")
        if (quantize == "int8") != (self.representative is not None):
            raise ValueError(
                "`representative` must be given for 'int8' only: a folder of pictures like those that the network will "
                f"get. Received: quantize={quantize!r}, representative={reprlib.repr(self.representative)}"
            )
        if self.io == "int8" and quantize != "int8":
            raise ValueError(f"`io` must be 'float32' or 'uint8' unless `quantize` is 'int8'. Received: io={self.io!r}")
        if type(self.fine_tune) is not int or self.fine_tune < 0 or (self.fine_tune and quantize != "int8"):
            raise ValueError(
                "`fine_tune` must be a number of steps, and 0 unless `quantize` is 'int8'. "
                f"Received: fine_tune={self.fine_tune!r}, quantize={quantize!r}"
            )
