import numpy as np
import pytest
from reference import assert_close, assign_waves, convolution, normalize, pad, sigmoid, to_numpy, wave

from keras_lisr.layers import SpatialAttention


@pytest.mark.parametrize("kernel_size", [3, 7])
def test_definition_of_cbam(kernel_size):
    """Maximum and mean over the channels, in this order; no ReLU before the sigmoid."""
    layer = SpatialAttention(kernel_size)
    features = wave(2, 9, 10, 6)
    layer(features)
    assign_waves(layer)
    statistics = np.concatenate([features.max(axis=-1, keepdims=True), features.mean(axis=-1, keepdims=True)], axis=-1)
    logits = convolution(pad(statistics, kernel_size // 2), to_numpy(layer.convolution.kernel))
    expected = features * sigmoid(normalize(logits, layer.normalization))
    assert_close(layer(features), expected)


def test_batch_normalization_is_pytorchs():
    """Momentum 0.01 and epsilon 1e-5, as CBAM sets them."""
    normalization = SpatialAttention().normalization
    assert (normalization.momentum, normalization.epsilon) == (0.99, 1e-5)


def test_bright_features_in_float16():
    """The mean over the channels is finite where their sum is not."""
    layer = SpatialAttention(dtype="mixed_float16")
    assert np.isfinite(to_numpy(layer(np.full((1, 4, 4, 128), 2000, np.float16)))).all()
