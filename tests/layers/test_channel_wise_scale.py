import numpy as np
import pytest
from reference import assert_close, picture, to_numpy, wave

from keras_lisr.layers import ChannelWiseScale


def test_equation_8():
    features, alpha = picture(2, 3, 4, 5), wave(5, phase=1)
    layer = ChannelWiseScale()
    layer(features)
    layer.alpha.assign(alpha)
    assert_close(layer(features), features * alpha, atol=1e-6)


def test_starts_at_the_value_of_the_paper():
    layer = ChannelWiseScale()
    layer.build((None, None, None, 64))
    assert_close(to_numpy(layer.alpha), np.full(64, 0.9, "float32"))
    assert len(layer.trainable_weights) == len(layer.weights) == 1


@pytest.mark.parametrize("initial_alpha", [1.0, 0.5, -2.0])
def test_initial_alpha(initial_alpha):
    assert to_numpy(ChannelWiseScale(initial_alpha)(np.ones((1, 3), "float32"))).tolist() == [[initial_alpha] * 3]


@pytest.mark.parametrize("shape", [(2, 4), (2, 5, 4), (2, 5, 6, 4)])
def test_any_rank(shape):
    layer = ChannelWiseScale()
    assert layer(picture(*shape)).shape == shape
    assert layer.compute_output_shape((None, *shape[1:])) == (None, *shape[1:])
