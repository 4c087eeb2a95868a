"""CARN: cascading residual network."""

from collections.abc import Callable, Sequence

import keras

from keras_lisr.zoo import skeleton
from keras_lisr.zoo.network import SuperResolutionModel, builder
from keras_lisr.zoo.skeleton import Strategy


@builder
def carn(
    scale: int = 4,
    *,
    ggas: Strategy = False,
    cwss: Strategy = False,
    num_filters: int = 64,
    num_blocks: int = 3,
    num_residual_blocks: int = 3,
    mean_colour: Sequence[float] = skeleton.DIV2K_MEAN,
) -> SuperResolutionModel:
    """CARN (Ahn et al., ECCV 2018), for a single scale.

    ``I_LR -> - mean -> 3x3 -> cascade of block_1 ... block_3 -> sub-pixel stages -> 3x3 -> + mean -> I_SR``

    A cascade fuses after each member everything that came before it. The network is a cascade of blocks, and each block
    is a cascade of residual blocks.

    Args:
        scale: Upscaling factor: 2, 3 or 4.
        ggas: Multiply each block's output by one global attention map: False, True or a layer factory.
        cwss: Rescale the input of each residual block: False, True or a layer factory.
        num_filters: Channels of the features.
        num_blocks: Number of cascading blocks.
        num_residual_blocks: Number of residual blocks in each.
        mean_colour: RGB in [0, 1] that is taken from the input and added to the output.

    Returns:
        A model from `(batch, height, width, 3)` to `(batch, height x scale, width x scale, 3)`, RGB in [0, 1].

    Raises:
        ValueError: If `scale` is not 2, 3 or 4.

    Example:

    >>> carn(scale=4).count_params()
    1111875

    Parameters (plain / GGAS / CWSS): 964,163 / 971,651 / 964,739 at x2, 1,148,803 / 1,156,291 / 1,149,379 at x3,
    1,111,875 / 1,119,363 / 1,112,451 at x4.

    Differs from the official code:
        One scale's upsampler in place of three, as in the paper.

    References:
        - [Fast, Accurate, and Lightweight Super-Resolution with Cascading Residual Network](https://arxiv.org/abs/1803.08664)
        - https://github.com/nmhkahn/CARN-pytorch
    """
    low_resolution = skeleton.low_resolution_input(scale)
    shallow = skeleton.conv3x3(skeleton.subtract_mean(low_resolution, mean_colour), num_filters, "shallow")

    # Every block is guided by the same attention map (Eq. 2 and 3).
    guide = skeleton.global_guide(shallow, ggas)

    def cascading_block(features, name):
        block = cascade(features, num_residual_blocks, lambda inputs, name: residual_block(inputs, cwss, name), name)
        return guide(block, name)

    features = cascade(shallow, num_blocks, cascading_block, "block")

    upsampled = skeleton.upsample_in_stages(features, num_filters, scale, activation="relu")
    super_resolved = skeleton.add_mean(skeleton.conv3x3(upsampled, 3, "reconstruction"), mean_colour)
    return skeleton.super_resolution_model(low_resolution, super_resolved, name="carn")


def cascade(features, count: int, member: Callable, name: str):
    """`count` members in a row, each followed by a 1x1 convolution over its output and all that came before it."""
    num_filters = features.shape[-1]
    collected = [features]
    for i in range(1, count + 1):
        collected.append(member(features, name=f"{name}_{i}"))
        fused = keras.layers.Concatenate(name=f"{name}_{i}_cascade")(collected)
        features = skeleton.conv1x1(fused, num_filters, f"{name}_{i}_fusion", activation="relu")
    return features


def residual_block(features, cwss: Strategy, name: str):
    """Two convolutions around a ReLU, and a ReLU after the sum."""
    num_filters = features.shape[-1]

    def residual(inputs):
        inner = skeleton.conv3x3(inputs, num_filters, f"{name}_conv_1", activation="relu")
        return skeleton.conv3x3(inner, num_filters, f"{name}_conv_2")

    return keras.layers.ReLU(name=name)(skeleton.residual_connection(features, residual, cwss=cwss, name=f"{name}_sum"))
