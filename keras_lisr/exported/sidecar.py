"""The JSON beside an exported file: what the file takes and returns, and what was measured of it."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from keras_lisr.basics.whole_files import reason, write_whole
from keras_lisr.exported.litert import DTYPES
from keras_lisr.tiling.traits import Traits

SCHEMA = 1  # A field that is added does not change it, a field that comes to mean something else does.


@dataclass(frozen=True, kw_only=True)
class Sidecar(Traits):
    """Description of an exported file, beside the network's traits, in plain numbers and words that JSON can hold.

    Args:
        format: "litert", "saved_model", "onnx" or "openvino".
        file: Name of the file, without its folder.
        sha256: Its `checksum`.
        bytes: Its `size`.
        network: Name of the architecture, such as "imdn".
        quantize: "none", "float16", "dynamic" or "int8".
        shape: Height and width of a file for one size; None if it takes any.
        input: Its input: `name`, `dtype`, `layout` ("NHWC"), `colour` ("RGB") and `range` (0 to 255 for uint8, where
            a picture's bytes go in as they are, else 0 to 1). For integers also `scale` and `zero_point`, with
            value in [0, 1] = scale * (integer - zero_point). `LiteRTNetwork.input` is that of a LiteRT file.
        output: Likewise its output.
        protocol: Protocol of the PSNR, in words; empty if it was not measured.
        psnr: By the benchmark set's name, as `{"Set5": {"float": 31.66, "file": 31.52, "images": 5}}`.
        verification: Measurements when the file was written.
        versions: Versions of the libraries that wrote it.
        bytes_per_pixel: Memory of the engine for each pixel of a window, approximately; None if unknown.
        schema: Version of these fields. A reader skips fields that it does not know, and refuses a later schema.
    """

    format: str
    file: str
    sha256: str
    bytes: int
    network: str
    quantize: str
    shape: tuple[int, int] | None
    input: dict[str, Any]
    output: dict[str, Any]
    protocol: str
    psnr: dict[str, dict[str, float]]
    verification: dict[str, Any]
    versions: dict[str, str]
    bytes_per_pixel: int | None = None
    schema: int = SCHEMA


def sidecar_path(path: str | Path) -> Path:
    """Returns the path of the sidecar of an exported file or folder: `.json` is appended to its name."""
    path = Path(path)
    return path.with_name(f"{path.name}.json")


def write_sidecar(sidecar: Sidecar, path: str | Path) -> Path:
    """Writes the sidecar of an exported file, and returns its path.

    Raises:
        ValueError: If a number is infinite or none, which JSON does not know.
        OSError: If it cannot be written.
    """
    content = json.dumps(asdict(sidecar), indent=2, allow_nan=False) + "\n"
    with write_whole(sidecar_path(path)) as partial:
        partial.write_text(content, encoding="utf-8")
    return sidecar_path(path)


def read_sidecar(path: str | Path) -> Sidecar:
    """Reads the sidecar of an exported file, and checks that it is this file's.

    Args:
        path: The exported file.

    Raises:
        ValueError: If there is no such file or no sidecar, the sidecar is not one or has a later schema, or the file is
            another than the one that it was written for.
    """
    path = follow(path)
    if not path.exists():
        raise ValueError(f"`path` must be an existing file. Received: path={str(path)!r}")
    beside = sidecar_path(path)
    try:
        content = json.loads(beside.read_text(encoding="utf-8"))
        known = {field.name: content[field.name] for field in fields(Sidecar) if field.name in content}
        sidecar = Sidecar(**known | {"shape": content["shape"] and tuple(content["shape"])})
        if sidecar.schema > SCHEMA:
            raise ValueError(f"schema {sidecar.schema}, where this version of keras_lisr knows {SCHEMA}")
        check_fields(sidecar)
    except (OSError, ValueError, TypeError, KeyError) as error:  # Of JSON, and of other fields.
        raise ValueError(
            f"`path` must have a sidecar beside it, from `keras-lisr export` of this version or an earlier one. "
            f"Received: path={str(path)!r} ({beside.name}: {reason(error)})"
        ) from error
    if (found := checksum(path)) != sidecar.sha256:
        raise ValueError(
            f"`path` must be the file that {beside.name} was written for, with SHA-256 {sidecar.sha256}. "
            f"Received: path={str(path)!r} with {found}"
        )
    return sidecar


def check_fields(sidecar: Sidecar) -> None:
    """Raises a ValueError if no file could be as a sidecar says, for instance after editing."""
    least = {"scale": 1, "halo": 0, "smallest_side": 1, "multiple": 1, "blended": 0, "bytes_per_pixel": 1}
    for name, value in {name: getattr(sidecar, name) for name in least}.items():
        is_absent = value is None and name in ("halo", "bytes_per_pixel")
        if not is_absent and (type(value) is not int or value < least[name]):
            raise ValueError(f"`{name}` must be an integer of at least {least[name]}. Received: {name}={value!r}")
    shape = sidecar.shape
    if shape is not None and (len(shape) != 2 or not all(type(side) is int and side > 0 for side in shape)):
        raise ValueError(f"`shape` must be a height and a width. Received: shape={shape!r}")
    for name, tensor in (("input", sidecar.input), ("output", sidecar.output)):
        said = tensor if isinstance(tensor, dict) else {}
        dtype, scale, zero_point = (said.get(key) for key in ("dtype", "scale", "zero_point"))
        is_quantized = type(scale) is float and 0 < scale < math.inf and type(zero_point) is int
        if dtype not in DTYPES or (dtype != "float32" and not is_quantized):
            raise ValueError(
                f"`{name}` must say a `dtype`, and of integers `scale` and `zero_point`. Received: {tensor}"
            )


def follow(path: str | Path) -> Path:
    """Returns the file itself if its sidecar lies beside it, as links do in the Hub's cache, or else its target."""
    path = Path(path)
    return path if sidecar_path(path).exists() else path.resolve()


def is_sidecar(path: Path) -> bool:
    """Checks whether a file is a sidecar, of this version or another."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and {"format", "file", "sha256"} <= content.keys()


def checksum(path: str | Path) -> str:
    """Returns the SHA-256 of an exported file; for OpenVINO, of the `.xml` and its `.bin` put together.

    For a folder, that of its files' own: of a line with the checksum and the relative path of each, in the order of
    the paths, as `sha256sum` prints them.
    """
    path = Path(path)
    content = hashlib.sha256()
    for file in files_of(path):
        if path.is_dir():
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            content.update(f"{digest}  {file.relative_to(path).as_posix()}\n".encode())
        else:
            content.update(file.read_bytes())
    return content.hexdigest()


def size(path: str | Path) -> int:
    """Counts the bytes of an exported file, with the weights beside an `.xml`, or of all files in a folder."""
    return sum(file.stat().st_size for file in files_of(Path(path)))


def files_of(path: Path) -> list[Path]:
    """Lists the files of an export: those in a folder and below it, sorted, or an `.xml` and its `.bin`.

    Raises:
        ValueError: If there is no such `.bin`.
    """
    if path.is_dir():
        return sorted((file for file in path.rglob("*") if file.is_file()), key=lambda file: file.as_posix())
    if path.suffix.lower() != ".xml":
        return [path]
    weights = path.with_suffix(".bin")
    if not weights.is_file():
        raise ValueError(f"`path` must have its weights beside it, {weights.name}. Received: path={str(path)!r}")
    return [path, weights]
