"""A model on its way to other machines: its files' content, so that they need not see the files."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from keras_lisr import preset_index
from keras_lisr.preset_index import LITERT, choose_model, find_preset


@dataclass(frozen=True)
class ShippedModel:
    """What a model consists of.

    Args:
        name: What the user calls it.
        files: Content by name, the model's own first, then what lies beside it.
        checksums: SHA-256 of each.
    """

    name: str
    files: dict[str, bytes]
    checksums: dict[str, str]

    @classmethod
    def of(cls, name: str | None = None) -> "ShippedModel":
        """Reads a model's files.

        Args:
            name: Name of a preset, or path of a `.keras`, `.npz` or `.tflite` file, this one with its sidecar.

        Raises:
            ValueError: If there is no such model, or a preset's file is not the one that the index says.
            OSError: If a file cannot be read.
        """
        name = choose_model(name, exported=True)
        expected = None
        if name.endswith((".keras", ".npz", LITERT)):
            paths = [Path(name)]
        else:
            preset = find_preset(name)
            paths, expected = [preset_index.FOLDER / preset.file], preset.sha256
        if name.endswith(LITERT):
            from keras_lisr.runtime.sidecar import read_sidecar, sidecar_path

            read_sidecar(name)  # A wrong one is told here rather than by all workers.
            paths = [Path(name).resolve(), sidecar_path(Path(name).resolve())]
        files = {path.name: path.read_bytes() for path in paths}
        checksums = {file: hashlib.sha256(content).hexdigest() for file, content in files.items()}
        if expected not in (None, checksums[paths[0].name]):
            raise ValueError(
                f"`name` must be a preset whose file has SHA-256 {expected}. "
                f"Received: name={name!r} ({checksums[paths[0].name]})"
            )
        return cls(name, files, checksums)

    def unpack(self, folder: Path) -> str:
        """Writes the files into a folder.

        Returns:
            Path of the model's own, for `load_network`.

        Raises:
            ValueError: If a file is not what was sent.
            OSError: If a file cannot be written.
        """
        for file, content in self.files.items():
            if (found := hashlib.sha256(content).hexdigest()) != self.checksums[file]:
                raise ValueError(f"{file} must arrive with SHA-256 {self.checksums[file]}. Received: {found}")
            (folder / file).write_bytes(content)
        return str(folder / next(iter(self.files)))
