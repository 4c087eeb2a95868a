import keras
import numpy as np
import pytest
from reference import assert_close, assign_waves, relu, sigmoid, to_numpy, wave

from keras_lisr.layers import ChannelAttention


def gate(layer: ChannelAttention, statistic: np.ndarray) -> np.ndarray:
    """The two 1x1 convolutions, before the sigmoid."""
    squeeze, squeeze_bias, excite, excite_bias = map(to_numpy, (*layer.squeeze.weights, *layer.excite.weights))
    return relu(statistic @ squeeze[0, 0] + squeeze_bias) @ excite[0, 0] + excite_bias


@pytest.mark.parametrize("reduction", [2, 4])
def test_definition_of_rcan(reduction):
    layer = ChannelAttention(reduction)
    features = wave(2, 5, 6, 8)
    layer(features)
    assign_waves(layer)
    expected = features * sigmoid(gate(layer, features.mean(axis=(1, 2), keepdims=True)))
    assert_close(layer(features), expected)


def test_large_bright_picture_in_float16():
    """Its sum is 65,536,000: far beyond the 65,504 of float16."""
    layer = ChannelAttention(2, dtype="mixed_float16")
    features = np.full((1, 256, 256, 4), 1000, np.float16)
    layer(features)
    layer.squeeze.kernel.assign(0 * layer.squeeze.kernel)
    layer.squeeze.bias.assign([1, 1])
    layer.excite.kernel.assign(0 * layer.excite.kernel)
    assert (to_numpy(layer(features)) == 500).all()
    mean = layer.statistic(keras.ops.convert_to_tensor(features))
    assert keras.backend.standardize_dtype(mean.dtype) == "float32"
    assert_close(mean, 1000)
