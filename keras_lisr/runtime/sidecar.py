"""The JSON beside an exported file: what the file takes and returns, and what was measured of it."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from keras_lisr.whole_files import reason, written_whole


@dataclass(frozen=True, kw_only=True)
class Sidecar:
    """What is known of an exported file, in plain numbers and words that JSON can hold.

    Args:
        format: "litert", "saved_model", "onnx" or "openvino".
        file: Name of the file, without its folder.
        sha256: What `checksum` returns for it.
        bytes: What `size` returns for it.
        network: Name of the architecture, such as "imdn".
        scale: Upscaling factor.
        quantize: "none", "float16", "dynamic" or "int8".
        shape: Height and width of a file for one size; None if it takes any.
        input: What goes in: `name`, `dtype`, `layout` ("NHWC"), `colour` ("RGB") and `range` (0 to 255 for uint8, where
            a picture's bytes go in as they are, else 0 to 1). For integers also `scale` and `zero_point`, with
            value in [0, 1] = scale * (integer - zero_point). `LiteRTNetwork.input` is that of a LiteRT file.
        output: Likewise for what comes out.
        halo: Pixels that an exact tile needs around it; None for a network that pools over the picture.
        smallest_side: Pixels that a picture needs on each side.
        protocol: How the PSNR was measured, in words; empty if it was not.
        psnr: By the benchmark set's name, as `{"Set5": {"float": 31.66, "file": 31.52, "images": 5}}`.
        verification: What was measured when the file was written.
        versions: Of the libraries that wrote it.
    """

    format: str
    file: str
    sha256: str
    bytes: int
    network: str
    scale: int
    quantize: str
    shape: tuple[int, int] | None
    input: dict[str, Any]
    output: dict[str, Any]
    halo: int | None
    smallest_side: int
    protocol: str
    psnr: dict[str, dict[str, float]]
    verification: dict[str, Any]
    versions: dict[str, str]


def sidecar_path(path: str | Path) -> Path:
    """Where the sidecar of an exported file or folder lies: `.json` is appended to its name."""
    path = Path(path)
    return path.with_name(f"{path.name}.json")


def write_sidecar(sidecar: Sidecar, path: str | Path) -> Path:
    """Writes the sidecar of an exported file.

    Args:
        sidecar: What is to be written.
        path: The exported file, which need not be there yet.

    Returns:
        Where the sidecar lies.

    Raises:
        ValueError: If a number is infinite or none, which JSON does not know.
        OSError: If it cannot be written.
    """
    content = json.dumps(asdict(sidecar), indent=2, allow_nan=False) + "\n"
    with written_whole(sidecar_path(path)) as partial:
        partial.write_text(content, encoding="utf-8")
    return sidecar_path(path)


def read_sidecar(path: str | Path) -> Sidecar:
    """Reads the sidecar of an exported file, and checks that it is this file's.

    Args:
        path: The exported file.

    Raises:
        ValueError: If there is no such file or no sidecar, the sidecar is not one, or the file is another than the one
            that it was written for.
    """
    path = Path(path)
    if not path.exists():
        raise ValueError(f"`path` must be an existing file. Received: path={str(path)!r}")
    beside = sidecar_path(path)
    try:
        content = json.loads(beside.read_text(encoding="utf-8"))
        shape = content["shape"] and tuple(content["shape"])
        sidecar = Sidecar(**content | {"shape": shape})
    except FileNotFoundError as error:
        raise ValueError(
            f"`path` must have a sidecar beside it, which `keras-lisr export` writes. Received: path={str(path)!r} "
            f"(there is no {beside.name})"
        ) from error
    except (OSError, ValueError, TypeError, KeyError) as error:  # Of JSON, and of other fields.
        raise ValueError(
            f"`path` must have a sidecar that `keras-lisr export` of this version wrote. Received: path={str(path)!r} "
            f"({beside.name}: {reason(error)})"
        ) from error
    if (found := checksum(path)) != sidecar.sha256:
        raise ValueError(
            f"`path` must be the file that {beside.name} was written for, with SHA-256 {sidecar.sha256}. "
            f"Received: path={str(path)!r} with {found}"
        )
    return sidecar


def checksum(path: str | Path) -> str:
    """SHA-256 of an exported file.

    For a folder, that of its files' own: of a line with the checksum and the relative path of each, in the order of
    the paths, as `sha256sum` prints them.
    """
    path = Path(path)
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    lines = [f"{checksum(path / name)}  {name}\n" for name in files_of(path)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def size(path: str | Path) -> int:
    """Bytes of an exported file, or of all files in a folder."""
    path = Path(path)
    return sum((path / name).stat().st_size for name in files_of(path)) if path.is_dir() else path.stat().st_size


def files_of(folder: Path) -> list[str]:
    """The files in a folder and in those below it, by their relative paths, sorted."""
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
