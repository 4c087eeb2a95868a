"""A saved network comes back in another process, in Keras's safe mode, once the zoo is imported."""

import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
from architectures import ARCHITECTURES
from reference import assert_close, assign_waves, picture

INPUT = picture(1, 15, 16, 3)

LOAD_AND_RUN = """
    import sys
    from pathlib import Path

    import keras
    import numpy as np

    import keras_lisr.zoo

    folder = Path(sys.argv[1])
    low_resolution = np.load(folder / "input.npy")
    for file in sorted(folder.glob("*.keras")):
        model = keras.models.load_model(file, safe_mode=True)
        np.save(file.with_suffix(".npy"), keras.ops.convert_to_numpy(model(low_resolution, training=False)))
"""


SAVED = {
    f"{architecture.name}-{name}": (architecture, options)
    for architecture in ARCHITECTURES
    for name, options in architecture.all_layers().items()
}


@pytest.fixture(scope="module")
def round_trip(tmp_path_factory):
    """Folder with the outputs of the loaded networks, and what the saved ones returned."""
    folder = tmp_path_factory.mktemp("saved")
    np.save(folder / "input.npy", INPUT)
    expected = {}
    for name, (architecture, options) in SAVED.items():
        model = architecture.build_tiny(**options)
        assign_waves(model)
        model.save(folder / f"{name}.keras")
        expected[name] = keras.ops.convert_to_numpy(model(INPUT, training=False))
    subprocess.run([sys.executable, "-c", textwrap.dedent(LOAD_AND_RUN), folder], check=True, timeout=600)
    return folder, expected


@pytest.mark.parametrize("name", SAVED)
def test_fresh_process(round_trip, name):
    folder, expected = round_trip
    assert_close(np.load(folder / f"{name}.npy"), expected[name])
