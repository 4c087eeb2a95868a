"""EDSR-baseline: enhanced deep residual network, the small one."""

from collections.abc import Sequence

import keras

from keras_lisr.zoo import skeleton
from keras_lisr.zoo.network import SuperResolutionModel, builder
from keras_lisr.zoo.skeleton import Attention, Strategy


@builder
def edsr_baseline(
    scale: int = 4,
    *,
    ggas: Strategy = False,
    cwss: Strategy = False,
    num_filters: int = 64,
    num_blocks: int = 16,
    mean_colour: Sequence[float] = skeleton.DIV2K_MEAN,
) -> SuperResolutionModel:
    """EDSR-baseline (Lim et al., CVPR workshops 2017).

    ``I_LR -> - mean -> 3x3 -> block_1 -> ... -> block_16 -> 3x3 -> + F_0 -> sub-pixel stages -> 3x3 -> + mean -> I_SR``

    The plainest of the zoo: a chain of residual blocks without normalization.

    Args:
        scale: Upscaling factor: 2, 3 or 4.
        ggas: Multiply each block's output by one global attention map: False, True or a layer factory.
        cwss: Rescale the input of each residual block: False, True or a layer factory.
        num_filters: Channels of the features.
        num_blocks: Number of residual blocks.
        mean_colour: RGB in [0, 1] that is taken from the input and added to the output.

    Returns:
        A model from `(batch, height, width, 3)` to `(batch, height x scale, width x scale, 3)`, RGB in [0, 1].

    Raises:
        ValueError: If `scale` is not 2, 3 or 4.

    Example:

    >>> edsr_baseline(scale=4).count_params()
    1517571

    Parameters (plain / GGAS / CWSS): 1,369,859 / 1,377,347 / 1,370,883 at x2, 1,554,499 / 1,561,987 / 1,555,523 at x3,
    1,517,571 / 1,525,059 / 1,518,595 at x4.

    Differs from the official code:
        RGB in [0, 1] in place of [0, 255].

    References:
        - [Enhanced Deep Residual Networks for Single Image Super-Resolution](https://arxiv.org/abs/1707.02921)
        - https://github.com/sanghyun-son/EDSR-PyTorch
    """
    low_resolution = skeleton.low_resolution_input(scale)
    shallow = skeleton.conv3x3(skeleton.subtract_mean(low_resolution, mean_colour), num_filters, "shallow")

    # Every block is guided by the same attention map (Eq. 2 and 3).
    guide = skeleton.global_guide(shallow, ggas)
    features = shallow
    for i in range(1, num_blocks + 1):
        features = guide(residual_block(features, cwss, None, name=f"block_{i}"), name=f"block_{i}")
    trunk = keras.layers.Add(name="trunk")([skeleton.conv3x3(features, num_filters, "trunk_conv"), shallow])

    upsampled = skeleton.upsample_in_stages(trunk, num_filters, scale)
    super_resolved = skeleton.add_mean(skeleton.conv3x3(upsampled, 3, "reconstruction"), mean_colour)
    return skeleton.super_resolution_model(low_resolution, super_resolved, name="edsr_baseline")


def residual_block(features, cwss: Strategy, attention: Attention, name: str):
    """Two convolutions around a ReLU, optionally attention, and the sum with the input."""
    num_filters = features.shape[-1]

    def residual(inputs):
        inner = skeleton.conv3x3(inputs, num_filters, f"{name}_conv_1", activation="relu")
        inner = skeleton.conv3x3(inner, num_filters, f"{name}_conv_2")
        return skeleton.local_attention(inner, attention, f"{name}_attention")

    return skeleton.residual_connection(features, residual, cwss=cwss, name=f"{name}_sum")
