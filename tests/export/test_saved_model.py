import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf
from exported_networks import LOW_RESOLUTION, QUICK, as_bytes, build
from reference import assert_close, to_numpy

from keras_lisr.basics.export_options import ExportOptions
from keras_lisr.export.saved_model import write_saved_model
from keras_lisr.inference.engines import compile_engine

# What runs the folders has neither Keras nor this package.
LOAD_AND_RUN = """
    import sys
    from pathlib import Path

    sys.modules["keras"] = sys.modules["keras_lisr"] = None

    import numpy as np
    import tensorflow as tf

    inputs = dict(np.load(sys.argv[1] + "/inputs.npz"))
    for folder in Path(sys.argv[1]).glob("*/"):
        loaded = tf.saved_model.load(str(folder))
        signatures = {"float32": loaded.signatures["serving_default"], "uint8": loaded.signatures["upscale"]}
        results = {
            name: signatures[low_resolution.dtype.name](low_resolution=tf.constant(low_resolution))["super_resolved"]
            for name, low_resolution in inputs.items()
        }
        np.savez(f"{folder}.npz", **results)
"""
INPUTS = {
    f"{dtype}_{i}": as_bytes(pictures) if dtype == "uint8" else pictures
    for dtype in ("float32", "uint8")
    for i, pictures in enumerate(LOW_RESOLUTION)
}


@pytest.fixture(scope="module")
def round_trip(tmp_path_factory):
    """Folder with what the SavedModels returned in another process, and the networks that were written."""
    folder = tmp_path_factory.mktemp("exported")
    np.savez(folder / "inputs.npz", **INPUTS)
    models = {name: build(name) for name in QUICK}
    for name, model in models.items():
        write_saved_model(model, folder / name)
    command = [sys.executable, "-I", "-c", textwrap.dedent(LOAD_AND_RUN), folder]
    subprocess.run(command, check=True, cwd=folder, timeout=600)
    return folder, models


@pytest.mark.parametrize("name", QUICK)
def test_runs_without_keras_and_this_package(round_trip, name):
    folder, models = round_trip
    results = np.load(folder / f"{name}.npz")
    for i, low_resolution in enumerate(LOW_RESOLUTION):
        assert_close(results[f"float32_{i}"], models[name](low_resolution, training=False), atol=1e-4)
        upscaled = results[f"uint8_{i}"]
        expected = to_numpy(models[name](INPUTS[f"uint8_{i}"].astype(np.float32) / 255, training=False))
        assert upscaled.dtype == np.uint8
        assert_close(upscaled, expected.clip(0, 1) * 255, atol=0.501)
        assert len(np.unique(upscaled)) > 20


def test_signatures(round_trip):
    folder, _ = round_trip
    loaded = tf.saved_model.load(str(folder / "imdn-both"))
    assert sorted(loaded.signatures) == ["serving_default", "upscale"]
    for name, dtype in (("serving_default", tf.float32), ("upscale", tf.uint8)):
        signature = loaded.signatures[name]
        _, taken = signature.structured_input_signature
        for specs, tensor in ((taken, "low_resolution"), (signature.structured_outputs, "super_resolved")):
            assert list(specs) == [tensor]
            assert specs[tensor].dtype == dtype and specs[tensor].shape.as_list() == [None, None, None, 3]


def test_every_weight_is_stored_once(round_trip):
    folder, models = round_trip
    for name in ("edsr_baseline-both", "fsrcnn-ggas"):
        stored = tf.train.list_variables(str(folder / name / "variables" / "variables"))
        shapes = sorted(shape for path, shape in stored if path.endswith("VARIABLE_VALUE"))
        assert shapes == sorted([*weight.shape] for weight in models[name].weights)


def model_of(layer):
    inputs = keras.Input((None, None, 3))
    return keras.Model(inputs, layer(inputs))


@pytest.mark.parametrize(
    "layer",
    [keras.layers.Identity(), keras.layers.Rescaling(2.0, offset=0.5 / 255), keras.layers.Rescaling(-1.0)],
    ids=["identity", "half_up", "below_zero"],
)
def test_bytes_are_rounded_as_the_upscaler_does(layer, tmp_path):
    model = model_of(layer)
    write_saved_model(model, tmp_path / "network")
    loaded = tf.saved_model.load(str(tmp_path / "network"))
    values = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    result = loaded.signatures["upscale"](low_resolution=tf.constant(values))["super_resolved"].numpy()
    np.testing.assert_array_equal(result, compile_engine(model)(values))


@pytest.mark.parametrize("precious", ["photos/holiday.jpg", "project/assets/precious.txt", "file"])
def test_what_is_no_saved_model_is_kept(precious, tmp_path):
    precious = tmp_path / precious
    if precious.parent.name == "photos":
        write_saved_model(model_of(keras.layers.Identity()), precious.parent)
        ExportOptions(precious.parent)
    precious.parent.mkdir(parents=True, exist_ok=True)
    precious.touch()
    with pytest.raises(ValueError, match="`path`"):
        ExportOptions(next(tmp_path.iterdir()))


def test_other_backends_are_refused(monkeypatch, tmp_path):
    model = model_of(keras.layers.Identity())
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="KERAS_BACKEND"):
        write_saved_model(model, tmp_path / "network")
