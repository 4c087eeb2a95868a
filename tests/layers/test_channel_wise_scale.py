import numpy as np
import pytest
from reference import assert_close, picture, wave

from keras_lisr.layers import ChannelWiseScale


def test_equation_8():
    features, alpha = picture(2, 3, 4, 5), wave(5, phase=1)
    layer = ChannelWiseScale()
    layer(features)
    layer.alpha.assign(alpha)
    assert_close(layer(features), features * alpha, atol=1e-6)


@pytest.mark.parametrize(("layer", "start"), [(ChannelWiseScale(), 0.9), (ChannelWiseScale(-2.0), -2.0)])
def test_initial_alpha(layer, start):
    assert_close(layer(np.ones((1, 3), "float32")), np.full((1, 3), start))
    assert len(layer.trainable_weights) == len(layer.weights) == 1


@pytest.mark.parametrize("shape", [(2, 4), (2, 5, 4), (2, 5, 6, 4)])
def test_any_rank(shape):
    layer = ChannelWiseScale()
    assert layer(picture(*shape)).shape == shape
    assert layer.compute_output_shape((None, *shape[1:])) == (None, *shape[1:])
