import keras
import numpy as np
import pytest
from reference import assert_close, assign_waves, picture, to_numpy

from keras_lisr.layers import BicubicUpsample
from keras_lisr.zoo import idn
from keras_lisr.zoo.idn import grouped_conv3x3


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_skip(scale):
    """A trunk of zeros leaves bicubic upscaling."""
    model = idn(scale, num_filters=16, num_blocks=1)
    assign_waves(model)
    for weight in model.get_layer("upsample").weights:
        weight.assign(0 * weight)
    image = picture(1, 5, 6, 3)
    assert_close(model(image, training=False), BicubicUpsample(scale)(image), atol=1e-6)


def test_groups_do_not_mix():
    features = keras.Input((None, None, 8))
    model = keras.Model(features, grouped_conv3x3(features, 12, "grouped"))
    assert model.count_params() == 9 * (8 // 4) * 12 + 12  # As Conv2D(12, 3, groups=4).
    assign_waves(model)
    array = picture(1, 4, 4, 8)
    changed = array.copy()
    changed[..., 2:4] += 1
    difference = np.abs(to_numpy(model(changed)) - to_numpy(model(array))).max(axis=(0, 1, 2))
    assert (difference[3:6] > 1e-3).all()
    assert (np.delete(difference, [3, 4, 5]) == 0).all()


def test_the_residual_is_there_before_training():
    """With kernels of PyTorch's variance it was 5e-4, and after 500 steps of Adam the network was still bicubic."""
    keras.utils.set_random_seed(0)
    model = idn()
    residual, _ = model.get_layer("skip").input
    assert to_numpy(keras.Model(model.input, residual)(picture(1, 24, 24, 3))).std() > 5e-3
