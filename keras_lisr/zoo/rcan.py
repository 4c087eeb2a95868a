"""RCAN: residual channel attention network."""

from collections.abc import Sequence

import keras

from keras_lisr.zoo import skeleton
from keras_lisr.zoo.edsr_baseline import residual_block
from keras_lisr.zoo.network import SuperResolutionModel, builder
from keras_lisr.zoo.skeleton import Attention, Strategy


@builder
def rcan(
    scale: int = 4,
    *,
    ggas: Strategy = False,
    cwss: Strategy = False,
    attention: Attention = "ca",
    num_filters: int = 64,
    num_blocks: int = 10,
    num_residual_blocks: int = 20,
    mean_colour: Sequence[float] = skeleton.DIV2K_MEAN,
) -> SuperResolutionModel:
    """RCAN (Zhang et al., ECCV 2018).

    ``I_LR -> - mean -> 3x3 -> block_1 -> ... -> block_10 -> 3x3 -> + F_0 -> sub-pixel stages -> 3x3 -> + mean -> I_SR``

    The large network of the paper: each block is a residual group of twenty residual blocks with channel attention.

    Args:
        scale: Upscaling factor: 2, 3 or 4.
        ggas: Multiply each group's output by one global attention map: False, True or a layer factory.
        cwss: Rescale the input of each residual group and of each residual block: False, True or a layer factory.
        attention: Attention at the end of each residual block: None, "ca", "cca", "sa", "esa" or a layer factory.
        num_filters: Channels of the features, at least 16 with "ca" and "cca".
        num_blocks: Number of residual groups.
        num_residual_blocks: Number of residual blocks in each.
        mean_colour: RGB in [0, 1] that is taken from the input and added to the output.

    Returns:
        A model from `(batch, height, width, 3)` to `(batch, height x scale, width x scale, 3)`, RGB in [0, 1].

    Raises:
        ValueError: If `scale` or `attention` is none of those named.

    Example:

    >>> rcan(scale=4, num_blocks=1).count_params()
    1861523

    Parameters (plain / GGAS / CWSS): 15,444,643 / 15,452,131 / 15,458,083 at x2, 15,629,283 / 15,636,771 / 15,642,723
    at x3, 15,592,355 / 15,599,843 / 15,605,795 at x4.

    Differs from the official code:
        RGB in [0, 1] in place of [0, 255].

    References:
        - [Image Super-Resolution Using Very Deep Residual Channel Attention Networks](https://arxiv.org/abs/1807.02758)
        - https://github.com/yulunzhang/RCAN
    """
    low_resolution = skeleton.low_resolution_input(scale)
    shallow = skeleton.conv3x3(skeleton.subtract_mean(low_resolution, mean_colour), num_filters, "shallow")

    def residual_group(inputs, name):
        for i in range(1, num_residual_blocks + 1):
            inputs = residual_block(inputs, cwss, attention, name=f"{name}_residual_{i}")
        return skeleton.conv3x3(inputs, num_filters, f"{name}_conv")

    # Every block is guided by the same attention map (Eq. 2 and 3).
    guide = skeleton.global_guide(shallow, ggas)
    features = shallow
    for i in range(1, num_blocks + 1):
        group = skeleton.residual_connection(
            features, lambda inputs, i=i: residual_group(inputs, f"block_{i}"), cwss=cwss, name=f"block_{i}_sum"
        )
        features = guide(group, name=f"block_{i}")
    trunk = keras.layers.Add(name="trunk")([skeleton.conv3x3(features, num_filters, "trunk_conv"), shallow])

    upsampled = skeleton.upsample_in_stages(trunk, num_filters, scale)
    super_resolved = skeleton.add_mean(skeleton.conv3x3(upsampled, 3, "reconstruction"), mean_colour)
    return skeleton.super_resolution_model(low_resolution, super_resolved, name="rcan")
