import keras
import numpy as np
import pytest
from reference import picture, to_numpy

from keras_lisr.zoo import smfanet


@pytest.mark.parametrize(("scale", "parameters"), [(2, 480_300), (3, 486_795), (4, 495_888)])
def test_smfanet_plus(scale, parameters):
    assert smfanet(scale, plus=True).count_params() == parameters


def test_small_features_have_a_length_in_float16():
    """The squares of these are zeros there."""
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = smfanet(num_filters=8, num_blocks=1)
    finally:
        keras.config.set_dtype_policy("float32")
    kernel, bias = model.get_layer("shallow").get_weights()
    model.get_layer("shallow").set_weights([kernel * 1e-4, bias * 1e-4])
    taken = keras.Model(model.input, model.get_layer("block_1_aggregation_norm").output)
    norms = np.linalg.norm(to_numpy(taken(picture(1, 9, 8, 3))), axis=-1)
    np.testing.assert_allclose(norms, 1, rtol=0.01)


def test_black_trains():
    """With biases of zeros, the gradient of a norm of zero was no number."""
    model = smfanet(2, num_filters=8, num_blocks=1)
    model.compile(keras.optimizers.SGD(0.1), "mean_absolute_error")
    black = np.zeros((2, 8, 8, 3), np.float32)
    assert np.isfinite(model.train_on_batch(black, picture(2, 16, 16, 3)))
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
