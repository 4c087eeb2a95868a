"""Every layer keeps its arguments where it is saved, computes in any precision, and takes sizes known only later."""

import inspect

import keras
import pytest
from reference import assert_close, assign_waves, picture, to_numpy

from keras_lisr import layers

# Arguments that differ from the defaults.
ARGUMENTS = {
    "ApproximateSelfAttention": {"pool_size": 4},
    "BicubicUpsample": {"scale": 3},
    "ChannelAttention": {"reduction": 2},
    "ChannelWiseScale": {"initial_alpha": 0.5},
    "ContrastChannelAttention": {"reduction": 2, "epsilon": 1e-3},
    "EnhancedSpatialAttention": {"reduction": 2},
    "GlobalAttentionBlock": {"kernel_size": 5, "initial_bias": 0.5, "starts_at_one": True},
    "SpatialAttention": {"kernel_size": 3},
}
FEATURES = picture(1, 15, 17, 4)

each_layer = pytest.mark.parametrize(("name", "arguments"), ARGUMENTS.items())


def make(layer_class, arguments, **options):
    """A layer with weights, for four channels."""
    layer = getattr(layers, layer_class)(**arguments, **options)
    layer(FEATURES)
    assign_waves(layer)
    return layer


def test_every_layer_is_tested():
    assert sorted(ARGUMENTS) == sorted(layers.__all__)


@each_layer
def test_config(name, arguments):
    parameters = inspect.signature(getattr(layers, name)).parameters
    assert set(arguments) == set(parameters) - {"kwargs"}
    assert all(parameters[argument].default != value for argument, value in arguments.items())
    layer = make(name, arguments, name="here", dtype="mixed_bfloat16")
    assert {argument: layer.get_config()[argument] for argument in arguments} == arguments

    serialized = keras.saving.serialize_keras_object(layer)
    assert serialized["registered_name"] == f"keras_lisr>{name}"
    copy = keras.saving.deserialize_keras_object(serialized)
    assert copy.get_config() == layer.get_config()
    assert (copy.name, copy.dtype_policy.name) == ("here", "mixed_bfloat16")
    copy(FEATURES)
    copy.set_weights(layer.get_weights())
    assert_close(copy(FEATURES), layer(FEATURES))


@pytest.mark.parametrize(("policy", "rounding"), [("float32", 0), ("mixed_float16", 3e-3), ("mixed_bfloat16", 3e-2)])
@each_layer
def test_precision(name, arguments, policy, rounding):
    layer = make(name, arguments, dtype=policy)
    assert {part.dtype_policy.name for part in layer._flatten_layers()} == {policy}
    assert {weight.dtype for weight in layer.weights} <= {"float32"}
    output = layer(FEATURES)
    assert keras.backend.standardize_dtype(output.dtype) == policy.removeprefix("mixed_")
    expected = to_numpy(make(name, arguments)(FEATURES))
    assert_close(output, expected, atol=rounding * abs(expected).max())


@each_layer
def test_sizes_that_are_known_later(name, arguments):
    inputs, scale = keras.Input((None, None, 4)), arguments.get("scale", 1)
    layer = make(name, arguments)
    model = keras.Model(inputs, layer(inputs))
    assert model.output_shape == (None, None, None, 4)
    assert model.compute_output_shape((None, None, 5, 4)) == (None, None, 5 * scale, 4)
    features = picture(2, 23, 16, 4)
    output = model.predict(features, verbose=0)
    assert output.shape == (2, 23 * scale, 16 * scale, 4)
    assert_close(output, layer(features))
