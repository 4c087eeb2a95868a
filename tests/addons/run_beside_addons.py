"""Runs the SavedModels of `export_networks.py` where tensorflow-addons works: `run_beside_addons.py FOLDER`.

Here is TensorFlow 2.15 with its Keras 2, and neither Keras 3 nor this package.
"""

# ruff: noqa: T201

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

LARGEST_DIFFERENCE = 1e-4


def main(folder: Path) -> None:
    import keras
    import tensorflow as tf
    import tensorflow_addons as tfa

    print(f"TensorFlow {tf.__version__}, tensorflow-addons {tfa.__version__}, Keras {keras.__version__}")
    networks = sorted(folder.glob("*.npz"))
    assert networks and find_spec("keras_lisr") is None
    failed = [file.stem for file in networks if not agrees(tf.saved_model.load(str(file.with_suffix(""))), file)]
    if failed:
        sys.exit(f"not what Keras 3 computed: {', '.join(failed)}")


def agrees(loaded, file: Path) -> bool:
    """Whether both signatures return what is stored, and prints how far away the floats are at most."""
    import tensorflow as tf

    arrays = np.load(file)
    largest, rounded = 0.0, True
    for i in range(len(arrays.files) // 2):
        pictures, expected = arrays[f"low_resolution_{i}"], arrays[f"super_resolved_{i}"]
        floats = tf.constant(pictures.astype(np.float32) / 255)
        super_resolved = loaded.signatures["serving_default"](low_resolution=floats)["super_resolved"].numpy()
        upscaled = loaded.signatures["upscale"](low_resolution=tf.constant(pictures))["super_resolved"].numpy()
        assert super_resolved.shape == upscaled.shape == expected.shape
        largest = np.maximum(largest, np.abs(super_resolved - expected).max())  # NaN stays NaN.
        # At most half a byte away, and what the floats may differ by.
        rounded &= np.abs(upscaled - 255 * expected.clip(0, 1)).max() <= 0.5 + 255 * LARGEST_DIFFERENCE
    print(f"{file.stem:24} largest difference {largest:.1e}, bytes {'as rounded' if rounded else 'WRONG'}")
    return rounded and bool(largest <= LARGEST_DIFFERENCE)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
