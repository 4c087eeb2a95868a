"""Shallow EDSR: the network in which Table 1 of the paper compares attention mechanisms."""

import keras

from keras_lisr.zoo import skeleton
from keras_lisr.zoo.edsr_baseline import residual_block
from keras_lisr.zoo.network import SuperResolutionModel, builder
from keras_lisr.zoo.skeleton import Attention, Strategy


@builder
def shallow_edsr(
    scale: int = 4,
    *,
    ggas: Strategy = False,
    cwss: Strategy = False,
    attention: Attention = None,
    placement: str = "block",
    num_filters: int = 64,
    num_blocks: int = 8,
) -> SuperResolutionModel:
    """Shallow EDSR, the baseline of the paper's Table 1 (Du et al., ICASSP 2022).

    ``I_LR -> - mean -> 3x3 -> block_1 -> ... -> block_8 -> + F_0 -> sub-pixel -> + mean -> I_SR``

    EDSR with half the blocks, no convolution after them, and a single sub-pixel convolution at every scale.

    Args:
        scale: Upscaling factor: 2, 3 or 4.
        ggas: Multiply each block's output by one global attention map: False, True or a layer factory.
        cwss: Rescale the input of each residual block: False, True or a layer factory.
        attention: Attention mechanism to compare: None, "ca", "cca", "sa", "esa" or a layer factory.
        placement: "block" for one at the end of every residual branch, "single" for one after the last block.
        num_filters: Channels of the features.
        num_blocks: Number of residual blocks.

    Returns:
        A model from `(batch, height, width, 3)` to `(batch, height x scale, width x scale, 3)`, RGB in [0, 1].

    Raises:
        ValueError: If `scale`, `attention` or `placement` is none of those named.

    Example:

    >>> shallow_edsr(scale=4).count_params()
    620336

    Parameters at x4: 620,336 plain; 624,976 with "ca" or "cca", 621,120 with "sa" (and 16 trainable ones of its batch
    normalization), 713,776 with "esa"; 627,824 with GGAS, 620,848 with CWSS, 628,336 with both.

    Differs from the official code:
        None is published. The paper says "shallow EDSR (8 RBs)" and 620K, which only this network has; nor does it say
        where the attention stands, and its counts fit one instance while its times fit eight, hence `placement`.

    References:
        - [Two Strategies Toward Lightweight Image Super-Resolution](https://doi.org/10.1109/ICASSP43922.2022.9747019)
        - [Enhanced Deep Residual Networks for Single Image Super-Resolution](https://arxiv.org/abs/1707.02921)
    """
    if placement not in ("block", "single"):
        raise ValueError(f"`placement` must be 'block' or 'single'. Received: placement={placement!r}")
    in_blocks, after_blocks = (attention, None) if placement == "block" else (None, attention)
    low_resolution = skeleton.low_resolution_input(scale)
    shallow = skeleton.conv3x3(skeleton.subtract_mean(low_resolution), num_filters, "shallow")

    # Every block is guided by the same attention map (Eq. 2 and 3).
    guide = skeleton.global_guide(shallow, ggas)
    features = shallow
    for i in range(1, num_blocks + 1):
        features = guide(residual_block(features, cwss, in_blocks, name=f"block_{i}"), name=f"block_{i}")
    features = skeleton.local_attention(features, after_blocks, "attention")
    trunk = keras.layers.Add(name="trunk")([features, shallow])

    super_resolved = skeleton.add_mean(skeleton.sub_pixel_upsample(trunk, 3, scale, "upsample"))
    return skeleton.super_resolution_model(low_resolution, super_resolved, name="shallow_edsr")
