import keras
import numpy as np
import pytest

from keras_lisr import zoo
from keras_lisr.graph.cast import cast_model, layers_in


def test_a_model_in_the_wanted_precision_is_taken_as_it_is():
    model = zoo.fsrcnn(num_filters=8)
    assert cast_model(model, "float32") is model


def test_a_copy_in_bfloat16_has_the_same_weights_and_nearly_the_same_result():
    model = zoo.idn(2, num_filters=16, num_blocks=1, ggas=True)
    copy = cast_model(model, "bfloat16")
    for weight, copied in zip(model.weights, copy.weights, strict=True):
        assert weight.path == copied.path
        assert weight is not copied
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (weight, copied)))

    for name in ("shallow_1", "block_1_conv_2", "block_1_identity"):
        assert copy.get_layer(name).compute_dtype == "bfloat16"
    assert copy.get_layer("global_attention").depthwise.compute_dtype == "bfloat16"
    for name in ("bicubic", "skip", "super_resolved"):
        assert copy.get_layer(name).compute_dtype == "float32"

    image = np.random.default_rng(0).random((1, 6, 7, 3), "float32")
    results = [keras.ops.convert_to_numpy(network(image)) for network in (copy, model)]
    assert results[0].dtype == np.float32
    assert 0 < np.abs(np.subtract(*results)).max() < 0.03


def test_a_model_trained_in_bfloat16_can_run_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = zoo.memnet(num_filters=4, num_blocks=1, num_recursions=2, cwss=True)
    finally:
        keras.config.set_dtype_policy("float32")
    assert cast_model(model, "bfloat16") is model
    copy = cast_model(model, "float32")
    assert {layer.compute_dtype for layer in copy.layers} == {"float32"}
    np.testing.assert_array_equal(*(network.get_layer("shallow").get_weights()[0] for network in (copy, model)))


def test_the_global_policy_is_restored():
    before = keras.config.dtype_policy()
    with pytest.raises(KeyError), layers_in("mixed_bfloat16"):
        assert keras.layers.ReLU().compute_dtype == "bfloat16"
        raise KeyError
    assert keras.config.dtype_policy() == before
