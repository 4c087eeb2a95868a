"""IMDN: information multi-distillation network."""

import keras

from keras_lisr.zoo import skeleton
from keras_lisr.zoo.network import SuperResolutionModel, builder
from keras_lisr.zoo.skeleton import Attention, Strategy


@builder
def imdn(
    scale: int = 4,
    *,
    ggas: Strategy = False,
    cwss: Strategy = False,
    attention: Attention = "cca",
    num_filters: int = 64,
    num_blocks: int = 6,
) -> SuperResolutionModel:
    """IMDN (Hui et al., ACM Multimedia 2019).

    ``I_LR -> 3x3 -> block_1 -> ... -> block_6, all six concatenated -> 1x1 -> 3x3 -> + F_0 -> sub-pixel -> I_SR``

    Each block distils a quarter of its channels at each of four convolutions and fuses the quarters.

    Args:
        scale: Upscaling factor: 2, 3 or 4.
        ggas: Multiply each block's output by one global attention map: False, True or a layer factory.
        cwss: Rescale the input of each block's residual connection: False, True or a layer factory.
        attention: Attention on the fused quarters: None, "ca", "cca", "sa", "esa" or a layer factory. Without "cca" and
            "ca" the network has no global pooling and can be computed in tiles exactly.
        num_filters: Channels of the features, a multiple of 4.
        num_blocks: Number of blocks.

    Returns:
        A model from `(batch, height, width, 3)` to `(batch, height x scale, width x scale, 3)`, RGB in [0, 1].

    Raises:
        ValueError: If `scale` or `attention` is none of those named, or `num_filters` is not a multiple of 4.

    Example:

    >>> imdn(scale=4).count_params()
    715176

    Parameters (plain / GGAS / CWSS): 694,404 / 701,892 / 694,788 at x2, 703,059 / 710,547 / 703,443 at x3, 715,176 /
    722,664 / 715,560 at x4.

    Differs from the official code:
        `ContrastChannelAttention` adds 1e-10 to the variance before its root.

    References:
        - [Lightweight Image Super-Resolution with Information Multi-distillation Network](https://arxiv.org/abs/1909.11856)
        - https://github.com/Zheng222/IMDN
    """
    if num_filters % 4:
        raise ValueError(f"`num_filters` must be a multiple of 4. Received: num_filters={num_filters}")
    low_resolution = skeleton.low_resolution_input(scale)
    shallow = skeleton.conv3x3(low_resolution, num_filters, "shallow")

    # Every block is guided by the same attention map (Eq. 2 and 3).
    guide = skeleton.global_guide(shallow, ggas)
    features, blocks = shallow, []
    for i in range(1, num_blocks + 1):
        features = skeleton.residual_connection(
            features,
            lambda inputs, i=i: distillation(inputs, attention, name=f"block_{i}"),
            cwss=cwss,
            name=f"block_{i}_sum",
        )
        features = guide(features, name=f"block_{i}")
        blocks.append(features)

    fused = keras.layers.Concatenate(name="fusion")(blocks)
    fused = skeleton.leaky_relu(skeleton.conv1x1(fused, num_filters, "fusion_conv"))
    trunk = keras.layers.Add(name="trunk")([skeleton.conv3x3(fused, num_filters, "trunk_conv"), shallow])

    super_resolved = skeleton.sub_pixel_upsample(trunk, 3, scale, "upsample")
    return skeleton.super_resolution_model(low_resolution, super_resolved, name="imdn")


def distillation(features, attention: Attention, name: str):
    """The residual branch of a block: quarters of the channels kept at each of four convolutions, then fused."""
    num_filters = features.shape[-1]
    quarter = num_filters // 4

    distilled = []
    for step in range(1, 4):
        features = skeleton.leaky_relu(skeleton.conv3x3(features, num_filters, f"{name}_conv_{step}"))
        # Splitting, not slicing: the gradient of a slice pads with zeros, which doubles the time of a training step.
        kept, features = keras.ops.split(features, [quarter], axis=-1)
        distilled.append(kept)
    distilled.append(skeleton.conv3x3(features, quarter, f"{name}_conv_4"))

    fused = keras.layers.Concatenate(name=f"{name}_distilled")(distilled)
    fused = skeleton.local_attention(fused, attention, name=f"{name}_attention")
    return skeleton.conv1x1(fused, num_filters, f"{name}_conv_5")
