import numpy as np

from keras_lisr.layers import ContrastChannelAttention
from keras_lisr.zoo import imdn


def test_parameters_of_a_block():
    model = imdn()
    block = [weight for weight in model.weights if weight.path.startswith("block_1_")]
    assert sum(int(np.prod(weight.shape)) for weight in block) == 36_928 + 2 * 27_712 + 6_928 + 580 + 4_160


def test_attention_sees_the_fused_quarters():
    model = imdn(num_filters=16, num_blocks=1)
    attention = model.get_layer("block_1_attention")
    assert isinstance(attention, ContrastChannelAttention)
    assert attention.input is model.get_layer("block_1_distilled").output
    assert model.get_layer("block_1_conv_5").input is attention.output
    assert [tensor.shape[-1] for tensor in model.get_layer("block_1_distilled").input] == [4, 4, 4, 4]


def test_no_activation_on_the_last_quarter():
    model = imdn(num_filters=16, num_blocks=1)
    assert model.get_layer("block_1_distilled").input[-1] is model.get_layer("block_1_conv_4").output


def test_fusion_of_all_blocks():
    for ggas in (False, True):
        model = imdn(num_filters=16, num_blocks=3, ggas=ggas)
        blocks = model.get_layer("fusion").input
        assert all(block is model.get_layer(f"block_{i}").output for i, block in enumerate(blocks, start=1))
        assert len(blocks) == 3


def test_one_step_upsampling():
    assert imdn(4).get_layer("upsample").output.shape[-1] == 48
