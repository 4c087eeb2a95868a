import numpy as np

from keras_lisr.layers import ChannelAttention
from keras_lisr.zoo import rcan


def test_attention_closes_each_residual_block():
    model = rcan(num_filters=16, num_blocks=2, num_residual_blocks=2)
    attentions = [layer for layer in model.layers if isinstance(layer, ChannelAttention)]
    assert len(attentions) == 4
    assert {(layer.reduction, layer.max_pooling) for layer in attentions} == {(16, False)}
    _, residual = model.get_layer("block_1_residual_1_sum").input
    assert residual is model.get_layer("block_1_residual_1_attention").output


def test_groups_have_a_convolution_and_a_skip():
    model = rcan(num_filters=16, num_blocks=2, num_residual_blocks=2)
    identity, residual = model.get_layer("block_2_sum").input
    assert identity is model.get_layer("block_1").output
    assert residual is model.get_layer("block_2_conv").output
    assert model.get_layer("block_2_conv").input is model.get_layer("block_2_residual_2_sum").output


def test_parameters_of_a_group():
    """Twenty residual blocks, 580 parameters of attention in each, and a convolution."""
    group = [weight for weight in rcan(num_blocks=1).weights if weight.path.startswith("block_1_")]
    assert sum(int(np.prod(weight.shape)) for weight in group) == 20 * (73_856 + 580) + 36_928
