"""Folders of small presets, to take the place of the package's."""

import json
import shutil
from unittest.mock import patch

import numpy as np

from keras_lisr.basics import preset_index
from keras_lisr.basics.preset_index import Preset, presets, write_index
from keras_lisr.exported.sidecar import checksum


def add_preset(folder, name, file, *, multiply_accumulates=1, measured=None):
    """Enters a file of `save_preset` into the index of a folder, which it begins if there is none."""
    shutil.copyfile(file, folder / f"{name}.npz")
    with np.load(file) as stored:
        architecture = json.loads(str(stored["architecture"]))
        parameters = sum(values.size for values in stored.values()) - 1
    added = Preset(
        name,
        **architecture,
        file=f"{name}.npz",
        sha256=checksum(file),
        parameters=parameters,
        multiply_accumulates=multiply_accumulates,
        measured=measured or {},
    )
    with patch.object(preset_index, "FOLDER", folder):
        known = presets() if (folder / "index.json").exists() else []
        write_index([*known, added])
