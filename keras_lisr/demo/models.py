"""The models that the page offers, each loaded when it is first used, and kept."""

from pathlib import Path
from typing import Any

from keras_lisr.basics.preset_index import LITERT, choose_model, presets
from keras_lisr.batch import Plan
from keras_lisr.exported import read_sidecar

# Tiles are steps of the progress and where a computation can be cancelled: small enough to be done in a second or so,
# and large enough that their halo costs little.
TILE = 256


class Models:
    """The presets and, if given, a file: what upscales with each of them.

    Args:
        name: What to offer first, and to load at once: name of a preset, or path of a `.keras`, `.npz` or `.tflite`
            file.

    Raises:
        ValueError: If there is no such preset or file, it cannot be loaded, or what it needs is not installed.
    """

    def __init__(self, name: str | None = None):
        name = choose_model(name, exported=True)
        self.default = Path(name).name
        self._names = {preset.name: preset.name for preset in presets()} | {self.default: name}
        self._upscalers: dict[str, Any] = {}
        self.scales = {preset.name: preset.scale for preset in presets()}
        self.scales[self.default] = self.upscaler(self.default).scale

    def of_scale(self, scale: int) -> list[str]:
        """Names of the models of a scale, the one to offer first at its place in front."""
        names = [name for name in self._names if self.scales[name] == scale]
        return sorted(names, key=lambda name: name != self.default)

    def upscaler(self, name: str) -> Any:
        """What upscales with a model, the same at every call.

        Raises:
            ValueError: If there is no such model, or it cannot be loaded.
        """
        if name not in self._names:
            raise ValueError(f"`model` must be one of {', '.join(self._names)}. Received: model={name!r}")
        if name not in self._upscalers:
            self._upscalers[name] = load(self._names[name])
        return self._upscalers[name]


def load(name: str) -> Any:
    """Loads a preset or a file, to be used in tiles that are small enough for progress to be seen.

    Raises:
        ValueError: If it cannot be loaded, or what it needs is not installed.
    """
    return Plan(tile=None if name.endswith(LITERT) and read_sidecar(name).shape else TILE).load(name)
