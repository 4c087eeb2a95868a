import numpy as np

from keras_lisr.zoo import rcan


def test_parameters_of_a_group():
    """Twenty residual blocks, 580 parameters of attention in each, and a convolution."""
    group = [weight for weight in rcan(num_blocks=1).weights if weight.path.startswith("block_1_")]
    assert sum(int(np.prod(weight.shape)) for weight in group) == 20 * (73_856 + 580) + 36_928
