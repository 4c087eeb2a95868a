import keras
import numpy as np
from reference import assert_close, assign_waves, relu, sigmoid, to_numpy, wave

from keras_lisr.layers import ContrastChannelAttention


def test_definition_of_imdn():
    """Mean plus population standard deviation, through the gate of channel attention."""
    layer = ContrastChannelAttention(4)
    features = wave(2, 5, 6, 8)
    layer(features)
    assign_waves(layer)
    statistic = features.mean(axis=(1, 2), keepdims=True) + features.std(axis=(1, 2), keepdims=True)
    squeeze, squeeze_bias, excite, excite_bias = map(to_numpy, (*layer.squeeze.weights, *layer.excite.weights))
    logits = relu(statistic @ squeeze[0, 0] + squeeze_bias) @ excite[0, 0] + excite_bias
    assert_close(layer(features), features * sigmoid(logits))


def test_flat_picture_has_a_gradient():
    """The root of a variance of zero has none without an epsilon."""
    scale = keras.layers.Rescaling(1.0)
    model = keras.Sequential([keras.Input((6, 6, 4)), keras.layers.Conv2D(4, 1), scale, ContrastChannelAttention(2)])
    model.compile(keras.optimizers.SGD(0.1), "mean_squared_error", run_eagerly=True)
    flat = np.full((1, 6, 6, 4), 0.5, "float32")
    assert np.isfinite(model.train_on_batch(flat, flat))
    assert all(np.isfinite(to_numpy(weight)).all() for weight in model.weights)


def test_large_bright_picture_in_float16():
    """Neither its sum nor the square of its contrast fits in float16."""
    layer = ContrastChannelAttention(2, dtype="mixed_float16")
    features = np.full((1, 256, 256, 4), 500, np.float16)
    features[:, ::2] = 1500
    output = to_numpy(layer(features))
    assert np.isfinite(output).all()
    statistic = layer.statistic(keras.ops.convert_to_tensor(features))
    assert keras.backend.standardize_dtype(statistic.dtype) == "float32"
    assert_close(statistic, 1000 + 500, atol=0.1)
