"""Writes SavedModels into a folder, each with pictures and what Keras makes of them: `export_networks.py FOLDER`."""

import sys
from pathlib import Path

import numpy as np
from exported_networks import EXPORTED, LOW_RESOLUTION, as_bytes, build
from reference import to_numpy

from keras_lisr.export.saved_model import write_saved_model
from keras_lisr.zoo import from_preset


def main(folder: Path) -> None:
    networks = {name: lambda name=name: build(name) for name in EXPORTED}
    networks["preset-imdn_x4"] = lambda: from_preset("imdn_x4")
    for name, network in networks.items():
        model = network()
        write_saved_model(model, folder / name)
        arrays = {}
        for i, pictures in enumerate(LOW_RESOLUTION):
            pictures = as_bytes(pictures)
            arrays[f"low_resolution_{i}"] = pictures
            arrays[f"super_resolved_{i}"] = to_numpy(model(pictures.astype(np.float32) / 255, training=False))
        np.savez(folder / f"{name}.npz", **arrays)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
