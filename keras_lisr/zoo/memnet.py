"""MemNet: persistent memory network."""

import functools
from collections.abc import Callable

import keras

from keras_lisr.zoo import skeleton
from keras_lisr.zoo.network import SuperResolutionModel, builder
from keras_lisr.zoo.skeleton import Strategy


@builder
def memnet(
    scale: int = 4,
    *,
    ggas: Strategy = False,
    cwss: Strategy = False,
    num_filters: int = 64,
    num_blocks: int = 6,
    num_recursions: int = 6,
) -> SuperResolutionModel:
    """MemNet M6R6 (Tai et al., ICCV 2017), in low resolution.

    ``I_LR -> 3x3 -> block_1 -> ... -> block_6 -> + F_0 -> sub-pixel -> I_SR``

    A memory block applies one residual block several times (short-term memory) and lets a gate choose from what came
    out each time and from what the blocks before it kept (long-term memory).

    Args:
        scale: Upscaling factor: 2, 3 or 4.
        ggas: Multiply each block's output by one global attention map: False, True or a layer factory.
        cwss: Rescale the input of each residual connection: False, True or a layer factory. The recursions of a block
            share their alphas as they share their weights.
        num_filters: Channels of the features.
        num_blocks: Number of memory blocks.
        num_recursions: How often each residual block is applied.

    Returns:
        A model from `(batch, height, width, 3)` to `(batch, height x scale, width x scale, 3)`, RGB in [0, 1].

    Raises:
        ValueError: If `scale` is not 2, 3 or 4.

    Example:

    >>> model = memnet(scale=4)
    >>> sum(weight.shape.num_elements() for weight in model.trainable_weights)
    714160

    Trainable parameters (plain / GGAS / CWSS): 693,388 / 700,876 / 693,772 at x2, 702,043 / 709,531 / 702,427 at x3,
    714,160 / 721,648 / 714,544 at x4.

    Differs from the official code:
        This is the network whose count is the paper's. The original works on luma that was upscaled before, gives each
        recursion its own batch normalization, has biases, and sums a reconstruction of every block.

    References:
        - [MemNet: A Persistent Memory Network for Image Restoration](https://arxiv.org/abs/1708.02209)
        - https://github.com/NJU-Jet/SR_Framework
    """
    low_resolution = skeleton.low_resolution_input(scale)
    shallow = skeleton.conv3x3(low_resolution, num_filters, "shallow", kernel_initializer="he_normal")

    # Every block is guided by the same attention map (Eq. 2 and 3).
    guide = skeleton.global_guide(shallow, ggas)
    features, long_term = shallow, [shallow]
    for i in range(1, num_blocks + 1):
        residual = residual_unit(num_filters, name=f"block_{i}")
        scale_channels = skeleton.channel_wise_scale(cwss, name=f"block_{i}")
        short_term = []
        for recursion in range(1, num_recursions + 1):
            scaled = scale_channels(features)
            features = skeleton.residual_connection(scaled, residual, cwss=False, name=f"block_{i}_sum_{recursion}")
            short_term.append(features)
        memory = keras.layers.Concatenate(name=f"block_{i}_memory")(short_term + long_term)
        features = preactivated_convolution(num_filters, 1, f"block_{i}_gate")(memory)
        features = guide(features, name=f"block_{i}")
        long_term.append(features)
    trunk = keras.layers.Add(name="trunk")([features, shallow])

    super_resolved = skeleton.sub_pixel_upsample(trunk, 3, scale, "upsample")
    return skeleton.super_resolution_model(low_resolution, super_resolved, name="memnet")


def preactivated_convolution(filters: int, kernel_size: int, name: str) -> Callable:
    """BN, ReLU, convolution: a function that applies the same three layers whenever it is called."""
    layers = [
        keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_normalization"),
        keras.layers.ReLU(name=f"{name}_relu"),
        skeleton.convolution(filters, kernel_size, f"{name}_conv", use_bias=False, kernel_initializer="he_normal"),
    ]
    return lambda features: functools.reduce(lambda outputs, layer: layer(outputs), layers, features)


def residual_unit(filters: int, name: str) -> Callable:
    """H_RL of a memory block, the same layers in each recursion."""
    first = preactivated_convolution(filters, 3, f"{name}_unit_1")
    second = preactivated_convolution(filters, 3, f"{name}_unit_2")
    return lambda features: second(first(features))
