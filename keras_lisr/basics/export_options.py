"""What can be exported how, checked without starting Keras.

It lies outside the package `export` because importing anything of that imports Keras, which takes seconds: too long to
answer that two options do not go together.
"""

import reprlib
from pathlib import Path
from typing import Any

SUFFIXES = {"litert": ".tflite", "onnx": ".onnx", "openvino": ".xml"}
FORMATS = ("saved_model", *SUFFIXES)
QUANTIZATIONS = ("none", "float16", "dynamic", "int8")
LEAST_OPSET = 7
TYPES = ("float32", "uint8", "int8")


def check_options(
    path: str | Path,
    *,
    format: str | None = None,
    quantize: str = "none",
    shape: tuple[int, int] | None = None,
    representative: Any = None,
    io: str = "float32",
    fine_tune: int = 0,
    opset: int | None = None,
) -> str:
    """Checks what is asked for, before anything is computed.

    Args:
        path: File or folder that is to be written.
        format: One of `FORMATS`; by default what the name says.
        quantize: As for `keras_lisr.export.export_model`, and so are the others.
        shape: Height and width.
        representative: Images; it only matters whether there are any.
        io: Type of the pictures that go in and out.
        fine_tune: Steps.
        opset: Version of ONNX's operators.

    Returns:
        The format.

    Raises:
        ValueError: If an option is unknown, or does not go with another.
    """
    try:
        path = Path(path).resolve()  # What a link points to is written, and so must have the right name.
    except (OSError, RuntimeError) as error:  # The latter of a loop of links, before Python 3.13.
        raise ValueError(
            f"`path` must be a name in an existing folder. Received: path={str(path)!r} ({error})"
        ) from error
    by_suffix = {suffix: name for name, suffix in SUFFIXES.items()} | {"": "saved_model"}
    format = format or by_suffix.get(path.suffix)
    if format is None:
        raise ValueError(
            "`format` must be given where the name does not say it, as .tflite, .onnx, .xml or a folder without suffix "
            f"would. Received: path={str(path)!r}"
        )
    for name, value, known in (
        ("format", format, FORMATS),
        ("quantize", quantize, QUANTIZATIONS),
        ("io", io, TYPES),
    ):
        if value not in known:
            raise ValueError(f"`{name}` must be one of {', '.join(known)}. Received: {name}={value!r}")
    if path.suffix != SUFFIXES.get(format, path.suffix):
        raise ValueError(f"`path` must end in {SUFFIXES[format]} for {format!r}. Received: path={str(path)!r}")
    if not path.parent.is_dir() or (path.exists() and path.is_dir() != (format == "saved_model")):
        what = "folder" if format == "saved_model" else "file"
        raise ValueError(f"`path` must be a {what} in an existing folder. Received: path={str(path)!r}")
    given: dict[str, tuple[Any, Any, tuple[str, ...]]] = {
        "quantize": (quantize, "none", ("litert",)),
        "shape": (shape, None, ("litert", "onnx")),
        "io": (io, "float32", ("litert",)),
        "opset": (opset, None, ("onnx",)),
    }
    for name, (value, default, formats) in given.items():
        if format not in formats and value != default:
            raise ValueError(f"`{name}` must be {default!r} for {format!r}. Received: {name}={value!r}")
    if opset is not None and (type(opset) is not int or opset < LEAST_OPSET):
        raise ValueError(f"`opset` must be an integer of at least {LEAST_OPSET}. Received: opset={opset!r}")
    if shape is not None and (len(shape) != 2 or not all(isinstance(side, int) and side > 0 for side in shape)):
        raise ValueError(f"`shape` must be a height and a width in pixels. Received: shape={shape!r}")
    if (quantize == "int8") != (representative is not None):
        raise ValueError(
            "`representative` must be given for 'int8', and for nothing else: a folder of pictures such as the network "
            f"will be given. Received: quantize={quantize!r}, representative={reprlib.repr(representative)}"
        )
    if io == "int8" and quantize != "int8":
        raise ValueError(
            f"`io` must be 'float32' or 'uint8' for anything but 'int8'. Received: io={io!r}, quantize={quantize!r}"
        )
    if type(fine_tune) is not int or fine_tune < 0 or (fine_tune and quantize != "int8"):
        raise ValueError(
            "`fine_tune` must be a number of steps, and 0 for anything but 'int8'. "
            f"Received: fine_tune={fine_tune!r}, quantize={quantize!r}"
        )
    return format
