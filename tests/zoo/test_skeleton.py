import functools

import keras
import numpy as np
import pytest
from reference import assert_close, assign_waves, picture, to_numpy, wave

from keras_lisr.layers import ChannelAttention, ChannelWiseScale, GlobalAttentionBlock
from keras_lisr.zoo import skeleton


@pytest.fixture
def features():
    return keras.Input((None, None, 8), name="features")


def run(inputs, outputs, array):
    return to_numpy(keras.Model(inputs, outputs)(array, training=False))


@pytest.mark.parametrize("scale", [0, 1, 2.5, 4.0, 5, 8, "2", None, np.int64(4)])
def test_scale_is_checked(scale):
    with pytest.raises(ValueError) as error:
        skeleton.low_resolution_input(scale)
    assert str(error.value) == f"`scale` must be 2, 3 or 4. Received: scale={scale!r}"


def test_input():
    low_resolution = skeleton.low_resolution_input(3)
    assert low_resolution.shape == (None, None, None, 3)
    assert low_resolution.name == "low_resolution"


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_output_is_float32(policy):
    low_resolution = skeleton.low_resolution_input(2)
    super_resolved = keras.layers.Conv2D(3, 1, dtype=policy)(low_resolution)
    model = skeleton.super_resolution_model(low_resolution, super_resolved, name="tiny")
    assert (model.name, model.output_names) == ("tiny", ["super_resolved"])
    assert keras.backend.standardize_dtype(model(picture(1, 2, 2, 3)).dtype) == "float32"


def test_initialization_is_pytorchs():
    """U(-1/sqrt(fan_in), 1/sqrt(fan_in)), and biases of zero."""
    layer = skeleton.convolution(64, 3, "conv")
    layer.build((None, None, None, 64))
    bound = np.float32(1 / np.sqrt(9 * 64))
    kernel = to_numpy(layer.kernel)
    assert 0.99 * bound < np.abs(kernel).max() <= bound
    assert kernel.std() == pytest.approx(bound / np.sqrt(3), rel=0.02)
    assert (to_numpy(layer.bias) == 0).all()


def test_convolutions_keep_the_size(features):
    for make, size in ((skeleton.conv3x3, 3), (skeleton.conv1x1, 1)):
        output = make(features, 5, "conv", use_bias=False)
        assert output.shape == (None, None, None, 5)
        [layer] = keras.Model(features, output).layers[1:]
        assert (layer.kernel_size, layer.use_bias, layer.name) == ((size, size), False, "conv")


def test_leaky_relu(features):
    array = wave(1, 2, 2, 8)
    expected = np.where(array > 0, array, 0.05 * array)
    assert_close(run(features, skeleton.leaky_relu(features), array), expected, atol=1e-6)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_sub_pixel_upsample(features, scale):
    """Channel (i * scale + j) * filters + c of a pixel becomes channel c of its sub-pixel (i, j)."""
    model = keras.Model(features, skeleton.sub_pixel_upsample(features, 3, scale, "upsample"))
    convolved = keras.Model(features, model.get_layer("upsample").output)
    array = wave(1, 2, 3, 8)
    deep = to_numpy(convolved(array)).reshape(2, 3, scale, scale, 3)
    expected = deep.transpose(0, 2, 1, 3, 4).reshape(2 * scale, 3 * scale, 3)
    assert_close(to_numpy(model(array))[0], expected, atol=1e-6)


@pytest.mark.parametrize(("scale", "stages"), [(2, (2,)), (3, (3,)), (4, (2, 2))])
def test_upsampling_stages(scale, stages):
    assert skeleton.upsampling_stages(scale) == stages


def test_mean():
    image = keras.Input((None, None, 3))
    array = picture(1, 2, 2, 3)
    assert_close(
        run(image, skeleton.subtract_mean(image), array), array - np.float32([0.4488, 0.4371, 0.4040]), atol=1e-6
    )
    there_and_back = skeleton.add_mean(skeleton.subtract_mean(image))
    assert_close(run(image, there_and_back, array), array, atol=1e-6)


def test_another_mean():
    image = keras.Input((None, None, 3))
    array = picture(1, 2, 2, 3)
    assert_close(run(image, skeleton.subtract_mean(image, np.float64([0.5, 0, 1])), array), array - [0.5, 0, 1])
    assert_close(run(image, skeleton.add_mean(image, (0.5, 0, 1)), array), array + [0.5, 0, 1])


@pytest.mark.parametrize("mean_colour", [0.5, (0.5,), (0.5, 0.5, 0.5, 0.5)])
def test_a_mean_that_is_no_colour_is_refused(mean_colour):
    with pytest.raises(ValueError, match="`mean_colour` must be three numbers. Received: mean_colour="):
        skeleton.subtract_mean(keras.Input((None, None, 3)), mean_colour)


def test_guide_off(features):
    guided = skeleton.global_guide(features, False)(features, "block_1")
    model = keras.Model(features, guided)
    assert [type(layer) for layer in model.layers[1:]] == [keras.layers.Identity]
    assert model.layers[-1].name == "block_1"


def test_equation_3(features):
    shallow, block = skeleton.conv1x1(features, 8, "shallow"), skeleton.conv1x1(features, 8, "inner")
    guided = skeleton.global_guide(shallow, True)(block, "block_1")
    model = keras.Model(features, guided)
    assign_waves(model)
    attention = model.get_layer("global_attention")
    assert isinstance(attention, GlobalAttentionBlock)
    assert attention.kernel_size == 7
    array = wave(1, 8, 9, 8)
    expected = run(features, block, array) * run(features, attention.output, array)
    assert_close(model(array, training=False), expected, atol=1e-6)


def test_one_map_for_all_blocks(features):
    guide = skeleton.global_guide(features, True)
    model = keras.Model(features, guide(guide(features, "block_1"), "block_2"))
    assert len([layer for layer in model.layers if isinstance(layer, GlobalAttentionBlock)]) == 1


def test_equation_7(features):
    seen = []
    output = skeleton.residual_connection(
        features, lambda inputs: seen.append(inputs) or skeleton.conv1x1(inputs, 8, "residual"), cwss=False, name="sum"
    )
    assert seen == [features]
    model = keras.Model(features, output)
    array = wave(1, 2, 3, 8)
    expected = array + to_numpy(model.get_layer("residual")(array))
    assert_close(model(array), expected, atol=1e-6)


def test_equation_8(features):
    output = skeleton.residual_connection(
        features, lambda inputs: skeleton.conv1x1(inputs, 8, "residual"), cwss=True, name="sum"
    )
    model = keras.Model(features, output)
    assign_waves(model)
    [scale] = [layer for layer in model.layers if isinstance(layer, ChannelWiseScale)]
    scaled = wave(1, 2, 3, 8) * to_numpy(scale.alpha)
    expected = scaled + to_numpy(model.get_layer("residual")(scaled))
    assert_close(model(wave(1, 2, 3, 8)), expected, atol=1e-6)


def test_scale_is_the_papers(features):
    layer = skeleton.channel_wise_scale_layer(True, "block_1_sum")
    assert (layer.initial_alpha, layer.name) == (0.9, "block_1_sum_alpha")
    layer = skeleton.channel_wise_scale_layer(functools.partial(ChannelWiseScale, initial_alpha=0.5), "block_1_sum")
    assert layer.initial_alpha == 0.5
    assert skeleton.channel_wise_scale(features, False, "block_1_sum") is features


def test_no_local_attention(features):
    assert skeleton.local_attention(features, None, "attention") is features


@pytest.mark.parametrize("attention", ["ca", "cca", "sa", "esa", functools.partial(ChannelAttention, reduction=2)])
def test_local_attention(attention):
    features = keras.Input((None, None, 16))
    model = keras.Model(features, skeleton.local_attention(features, attention, "attention"))
    expected = skeleton.ATTENTIONS[attention] if isinstance(attention, str) else ChannelAttention
    assert isinstance(model.get_layer("attention"), expected)


@pytest.mark.parametrize("attention", ["cbam", True])
def test_unknown_local_attention(features, attention):
    with pytest.raises(ValueError) as error:
        skeleton.local_attention(features, attention, "attention")
    assert str(error.value) == (
        f"`attention` must be None, 'ca', 'cca', 'sa', 'esa' or a layer factory. Received: attention={attention!r}"
    )


@pytest.mark.parametrize("strategy", ["yes", 1])
def test_unknown_strategy(features, strategy):
    with pytest.raises(ValueError, match=f"`ggas` must be False, True or a layer factory. Received: ggas={strategy!r}"):
        skeleton.global_guide(features, strategy)
    with pytest.raises(ValueError, match=f"`cwss` must be False, True or a layer factory. Received: cwss={strategy!r}"):
        skeleton.channel_wise_scale(features, strategy, "block_1_sum")
