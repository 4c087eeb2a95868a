import keras
import numpy as np
import pytest
from architectures import each_architecture, every_layer
from reference import assign_waves, picture, to_numpy

from keras_lisr import zoo
from keras_lisr.analysis import attention_map, block_outputs, residual_magnitude
from keras_lisr.graph.cast import cast_model

IMAGE = (255 * picture(16, 17, 3)).astype(np.uint8)


@every_layer
def test_every_network_has_its_blocks(architecture, options):
    model = architecture.build_tiny(**options)
    assign_waves(model)
    outputs = block_outputs(model, IMAGE)
    assert list(outputs) == [f"block_{i}" for i in range(1, architecture.tiny["num_blocks"] + 1)]
    for name, features in outputs.items():
        assert features.dtype == np.float32
        assert features.shape == (16, 17, model.get_layer(name).output.shape[-1])
        assert np.isfinite(features).all()
        assert features.std() > 0


def test_values_are_those_that_the_next_layer_gets():
    model = zoo.imdn(4, num_filters=16, num_blocks=2, ggas=True)
    assign_waves(model)
    inside = keras.Model(model.input, model.get_layer("fusion").output)
    expected = to_numpy(inside(IMAGE[np.newaxis].astype(np.float32) / 255, training=False))[0]
    outputs = block_outputs(model, IMAGE)
    np.testing.assert_allclose(np.concatenate(list(outputs.values()), axis=2), expected, atol=1e-6)


def test_models_inside_are_looked_into():
    model = zoo.edsr_baseline(2, num_filters=4, num_blocks=2, ggas=True)
    image = (255 * picture(7, 8, 3)).astype(np.uint8)
    wrapped = keras.Sequential([keras.Input((None, None, 3)), model])
    for analyse in (block_outputs, residual_magnitude):
        ours, theirs = analyse(wrapped, image), analyse(model, image)
        for name in theirs:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(attention_map(wrapped, image), attention_map(model, image), atol=1e-6)


def test_order_is_that_of_the_numbers():
    outputs = block_outputs(zoo.fsrcnn(4, num_filters=4, num_shrunk_filters=2, num_blocks=11), IMAGE)
    assert list(outputs) == [f"block_{i}" for i in range(1, 12)]


def test_low_precision_is_undone():
    exact, rounded = (zoo.imdn(4, num_filters=16, num_blocks=1, cwss=True) for _ in range(2))
    assign_waves(exact)
    rounded = cast_model(rounded, "bfloat16")
    rounded.set_weights(exact.get_weights())
    np.testing.assert_allclose(
        block_outputs(rounded, IMAGE)["block_1"], block_outputs(exact, IMAGE)["block_1"], atol=1e-6
    )


def test_16_bits_are_the_same_picture():
    model = zoo.fsrcnn(4, num_filters=4, num_shrunk_filters=2, num_blocks=1)
    deep = block_outputs(model, IMAGE.astype(np.uint16) * 257)
    np.testing.assert_allclose(deep["block_1"], block_outputs(model, IMAGE)["block_1"], atol=1e-6)


@pytest.mark.parametrize("image", [IMAGE / np.float32(255), IMAGE[..., :1], IMAGE[:14]], ids=["float", "grey", "small"])
@pytest.mark.parametrize("function", [block_outputs, attention_map, residual_magnitude])
def test_other_images_are_refused(function, image):
    with pytest.raises(ValueError, match="`image`"):
        function(zoo.imdn(4, num_filters=16, num_blocks=1, attention="esa", ggas=True), image)


@pytest.mark.parametrize("function", [block_outputs, attention_map])
def test_a_network_without_blocks_or_attention_is_refused(function):
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(3, 3, padding="same")(inputs), name="plain")
    with pytest.raises(ValueError, match="`model`"):
        function(model, IMAGE)


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


def test_images_whose_outputs_would_not_fit_into_memory_are_refused():
    model = zoo.edsr_baseline(2, num_filters=64, num_blocks=2)
    with pytest.raises(ValueError, match="`image`"):
        block_outputs(model, np.zeros((6000, 6000, 3), np.uint8))
