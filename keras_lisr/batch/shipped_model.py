"""A model on its way to other machines: its files' content, so that they need not see the files."""

from dataclasses import dataclass
from pathlib import Path

from keras_lisr.basics import preset_index
from keras_lisr.basics.preset_index import EXPORTED, choose_model, find_preset
from keras_lisr.exported.sidecar import files_of, follow, sidecar_path


@dataclass(frozen=True)
class ShippedModel:
    """What a model consists of.

    Args:
        name: What the user calls it.
        files: Content by name, the model's own first, then what lies beside it.
    """

    name: str
    files: dict[str, bytes]

    @classmethod
    def of(cls, name: str | None = None) -> "ShippedModel":
        """Reads a model's files.

        Args:
            name: Name of a preset, or path of a `.keras`, `.npz` or exported file, this one with its sidecar.

        Raises:
            ValueError: If there is no such model.
            OSError: If a file cannot be read.
        """
        name = choose_model(name, exported=True)
        if name.lower().endswith(EXPORTED):
            path = follow(Path(name))
            return cls(name, {file.name: file.read_bytes() for file in (*files_of(path), sidecar_path(path))})
        is_file = name.lower().endswith((".keras", ".npz"))
        path = Path(name) if is_file else preset_index.FOLDER / find_preset(name).file
        return cls(name, {path.name: path.read_bytes()})

    def unpack(self, folder: Path) -> str:
        """Writes the files into a folder.

        Returns:
            Path of the model's own, for `Plan.load`.

        Raises:
            OSError: If a file cannot be written.
        """
        for file, content in self.files.items():
            (folder / file).write_bytes(content)
        return str(folder / next(iter(self.files)))
