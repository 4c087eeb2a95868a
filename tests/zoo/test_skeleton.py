import keras
import numpy as np
import pytest
from reference import assert_close, assign_waves, to_numpy, wave

from keras_lisr.layers import ChannelWiseScale, GlobalAttentionBlock
from keras_lisr.zoo import skeleton


@pytest.fixture
def features():
    return keras.Input((None, None, 8), name="features")


def run(inputs, outputs, array):
    return to_numpy(keras.Model(inputs, outputs)(array, training=False))


@pytest.mark.parametrize("scale", [0, 1, 2.5, 4.0, 5, 8, "2", None, np.int64(4)])
def test_scale_is_checked(scale):
    with pytest.raises(ValueError, match="`scale`"):
        skeleton.low_resolution_input(scale)


def test_initialization_is_pytorchs():
    """U(-1/sqrt(fan_in), 1/sqrt(fan_in)), and biases of zero."""
    layer = skeleton.convolution(64, 3, "conv")
    layer.build((None, None, None, 64))
    bound = np.float32(1 / np.sqrt(9 * 64))
    kernel = to_numpy(layer.kernel)
    assert 0.99 * bound < np.abs(kernel).max() <= bound
    assert kernel.std() == pytest.approx(bound / np.sqrt(3), rel=0.02)
    assert (to_numpy(layer.bias) == 0).all()


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_sub_pixel_upsample(features, scale):
    """Channel (i * scale + j) * filters + c of a pixel becomes channel c of its sub-pixel (i, j)."""
    model = keras.Model(features, skeleton.sub_pixel_upsample(features, 3, scale, "upsample"))
    convolved = keras.Model(features, model.get_layer("upsample").output)
    array = wave(1, 2, 3, 8)
    deep = to_numpy(convolved(array)).reshape(2, 3, scale, scale, 3)
    expected = deep.transpose(0, 2, 1, 3, 4).reshape(2 * scale, 3 * scale, 3)
    assert_close(to_numpy(model(array))[0], expected, atol=1e-6)


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


@pytest.mark.parametrize("value", ["yes", 1])
def test_what_is_no_strategy_is_refused(features, value):
    with pytest.raises(ValueError, match="`attention`"):
        skeleton.local_attention(features, value, "attention")
    with pytest.raises(ValueError, match="`ggas`"):
        skeleton.global_guide(features, value)
    with pytest.raises(ValueError, match="`cwss`"):
        skeleton.channel_wise_scale(value, "block_1_sum")
