import keras
import numpy as np
import pytest
from architectures import each_architecture, every_layer
from reference import assign_waves, picture, sigmoid, to_numpy

from keras_lisr import zoo
from keras_lisr.analysis import attention_map, block_outputs, residual_magnitude

IMAGE = (255 * picture(16, 17, 3)).astype(np.uint8)


def check_blocks(architecture, **options):
    model = architecture.build_tiny(**options)
    assign_waves(model)
    outputs = block_outputs(model, IMAGE)
    assert list(outputs) == [f"block_{i}" for i in range(1, architecture.tiny["num_blocks"] + 1)]
    for name, features in outputs.items():
        assert features.dtype == np.float32
        assert features.shape == (16, 17, model.get_layer(name).output.shape[-1])
        assert np.isfinite(features).all()
        assert features.std() > 0


@every_layer
def test_every_network_has_its_blocks(architecture, options):
    check_blocks(architecture, **options)


@each_architecture
def test_plain_networks_have_their_blocks(architecture):
    check_blocks(architecture)


def test_values_are_those_that_the_next_layer_gets():
    model = zoo.imdn(4, num_filters=16, num_blocks=2, ggas=True)
    assign_waves(model)
    inside = keras.Model(model.input, model.get_layer("fusion").output)
    expected = to_numpy(inside(IMAGE[np.newaxis].astype(np.float32) / 255, training=False))[0]
    outputs = block_outputs(model, IMAGE)
    np.testing.assert_allclose(np.concatenate(list(outputs.values()), axis=2), expected, atol=1e-6)


def test_blocks_without_residual_repeat_the_shallow_features():
    model = zoo.edsr_baseline(4, num_filters=4, num_blocks=2)
    for i in (1, 2):
        for weight in model.get_layer(f"block_{i}_conv_2").weights:
            weight.assign(np.zeros(weight.shape))
    outputs = block_outputs(model, IMAGE)
    np.testing.assert_array_equal(outputs["block_1"], outputs["block_2"])
    assert outputs["block_1"].std() > 0


def test_order_is_that_of_the_numbers():
    outputs = block_outputs(zoo.fsrcnn(4, num_filters=4, num_shrunk_filters=2, num_blocks=11), IMAGE)
    assert list(outputs) == [f"block_{i}" for i in range(1, 12)]


def test_a_single_block():
    outputs = block_outputs(zoo.fsrcnn(4, num_filters=4, num_shrunk_filters=2, num_blocks=1), IMAGE)
    assert {name: features.shape for name, features in outputs.items()} == {"block_1": (16, 17, 2)}


@each_architecture
def test_low_precision_is_undone(architecture):
    strategies = {strategy: True for strategy in ("ggas", "cwss") if strategy in architecture.strategies}
    exact = architecture.build_tiny(**strategies)
    assign_waves(exact)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        rounded = architecture.build_tiny(**strategies)
    finally:
        keras.config.set_dtype_policy(policy)
    rounded.set_weights(exact.get_weights())
    expected = block_outputs(exact, IMAGE)
    for name, features in block_outputs(rounded, IMAGE).items():
        np.testing.assert_allclose(features, expected[name], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "image",
    [IMAGE / np.float32(255), IMAGE[..., 0], IMAGE[..., :1], IMAGE[np.newaxis], IMAGE[:0]],
    ids=["float", "grey", "one channel", "batch", "empty"],
)
@pytest.mark.parametrize("function", [block_outputs, attention_map])
def test_other_images_are_refused(function, image):
    model = zoo.fsrcnn(4, num_filters=4, num_shrunk_filters=2, num_blocks=1, ggas=True)
    with pytest.raises(ValueError, match=r"`image` must be a uint8 array \(height, width, 3\). Received: image.dtype="):
        function(model, image)


def test_images_that_a_layer_cannot_take_are_refused():
    model = zoo.imdn(4, num_filters=16, num_blocks=1, attention="esa")
    with pytest.raises(ValueError, match=r"`image` must have sides of at least 15 pixels .*image.shape=\(14, 17, 3\)"):
        block_outputs(model, IMAGE[:14])


def test_a_network_without_blocks_is_refused():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(3, 3, padding="same")(inputs), name="plain")
    with pytest.raises(ValueError, match="Received: model='plain', which has no layer block_1"):
        block_outputs(model, IMAGE)


@each_architecture
def test_the_attention_map_guides_every_block(architecture):
    model = architecture.build_tiny(ggas=True)
    assign_waves(model)
    block = model.get_layer("block_1")
    unguided = keras.Model(model.input, block.input[0])(IMAGE[np.newaxis].astype(np.float32) / 255, training=False)
    attention = attention_map(model, IMAGE)
    assert attention.min() > 0
    assert attention.max() < 1
    expected = to_numpy(unguided)[0] * attention
    np.testing.assert_allclose(block_outputs(model, IMAGE)["block_1"], expected, rtol=1e-5, atol=1e-6)


def test_the_attention_map_of_a_bias_alone():
    model = zoo.edsr_baseline(4, num_filters=4, num_blocks=1, ggas=True)
    kernel, bias = model.get_layer("global_attention").pointwise.weights
    kernel.assign(np.zeros(kernel.shape))
    bias.assign([-1, 0, 1, 2])
    expected = np.broadcast_to(sigmoid(np.array([-1, 0, 1, 2])), (16, 17, 4))
    np.testing.assert_allclose(attention_map(model, IMAGE), expected, rtol=1e-6)


def test_a_network_without_attention_is_refused():
    with pytest.raises(ValueError, match="`model` must be built with GGAS.*Received: model='fsrcnn'"):
        attention_map(zoo.fsrcnn(4), IMAGE)


@pytest.mark.parametrize("function", [block_outputs, attention_map, residual_magnitude])
def test_images_whose_outputs_would_not_fit_into_memory_are_refused(function):
    model = zoo.edsr_baseline(2, num_filters=64, num_blocks=2, ggas=True)
    with pytest.raises(ValueError, match=r"at most \d+ pixels, .*; cut a part out. Received: image.shape=\(6000, 6000"):
        function(model, np.zeros((6000, 6000, 3), np.uint8))
