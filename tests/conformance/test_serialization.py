"""A saved network comes back in another process, in Keras's safe mode, once the layers are imported."""

import inspect
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
from architectures import ARCHITECTURES, STRATEGIES, each_architecture
from reference import assert_close, assign_waves, picture

from keras_lisr import layers

INPUT = picture(1, 15, 16, 3)

LOAD_AND_RUN = """
    import sys
    from pathlib import Path

    import keras
    import numpy as np

    import keras_lisr.layers

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


@each_architecture
def test_model_config(architecture):
    model = architecture.build_tiny(**STRATEGIES[architecture.strategies[-1]])
    copy = keras.Model.from_config(model.get_config())
    assert copy.get_config() == model.get_config()
    assert copy.name == model.name == architecture.name
    assert [weight.path for weight in copy.weights] == [weight.path for weight in model.weights]
    copy.set_weights(model.get_weights())
    assert_close(copy(INPUT, training=False), model(INPUT, training=False), atol=1e-6)


# Arguments that differ from the defaults.
LAYERS = {
    "ApproximateSelfAttention": {"pool_size": 4},
    "BicubicUpsample": {"scale": 3},
    "ChannelAttention": {"reduction": 2, "max_pooling": True},
    "ChannelWiseScale": {"initial_alpha": 0.5},
    "ContrastChannelAttention": {"reduction": 2, "epsilon": 1e-3},
    "EnhancedSpatialAttention": {"reduction": 2},
    "GlobalAttentionBlock": {"kernel_size": 5, "initial_bias": 0.5, "starts_at_one": True},
    "SpatialAttention": {"kernel_size": 3},
}


def test_every_layer_is_tested():
    assert sorted(LAYERS) == sorted(layers.__all__)


@pytest.mark.parametrize(("name", "arguments"), LAYERS.items())
def test_layer_config(name, arguments):
    layer_class = getattr(layers, name)
    parameters = inspect.signature(layer_class).parameters
    assert set(arguments) == set(parameters) - {"kwargs"}
    assert all(parameters[argument].default != value for argument, value in arguments.items())

    layer = layer_class(**arguments, name="here", dtype="mixed_bfloat16")
    config = layer.get_config()
    assert {argument: config[argument] for argument in arguments} == arguments
    copy = layer_class.from_config(config)
    assert copy.get_config() == config
    assert (copy.name, copy.dtype_policy.name) == ("here", "mixed_bfloat16")
    assert {argument: getattr(copy, argument) for argument in arguments} == arguments


@pytest.mark.parametrize(("name", "arguments"), LAYERS.items())
def test_layer_from_serialized_form(name, arguments):
    layer = getattr(layers, name)(**arguments)
    features = picture(1, 15, 16, 4)
    layer(features)
    assign_waves(layer)
    serialized = keras.saving.serialize_keras_object(layer)
    assert serialized["registered_name"] == f"keras_lisr>{name}"
    copy = keras.saving.deserialize_keras_object(serialized)
    copy(features)
    copy.set_weights(layer.get_weights())
    assert_close(copy(features), layer(features), atol=1e-6)
