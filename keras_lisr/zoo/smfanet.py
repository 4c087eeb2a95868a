"""SMFANet: self-modulation feature aggregation network."""

import keras

from keras_lisr.layers.approximate_self_attention import ApproximateSelfAttention
from keras_lisr.zoo import skeleton
from keras_lisr.zoo.network import SuperResolutionModel, builder
from keras_lisr.zoo.skeleton import Strategy


@builder
def smfanet(
    scale: int = 4,
    *,
    plus: bool = False,
    ggas: Strategy = False,
    num_filters: int | None = None,
    num_blocks: int | None = None,
) -> SuperResolutionModel:
    """SMFANet and SMFANet+ (Zheng et al., ECCV 2024).

    ``I_LR -> 3x3 (F_0) -> block_1 -> ... -> block_8 -> + F_0 -> sub-pixel -> I_SR``

    The strongest small network whose weights are openly licensed, and the teacher of the presets. A block modulates its
    features by a coarse map of the whole picture, beside a branch for local detail, and mixes them by a partial
    convolution. Blocks normalize what they take, so that there is nothing for CWSS to scale.

    Args:
        scale: Upscaling factor: 2, 3 or 4.
        plus: SMFANet+, with 48 channels in 12 blocks in place of 36 in 8.
        ggas: Multiply each block's output by one global attention map: False, True or a layer factory.
        num_filters: Channels of the features, an even number; those of SMFANet or SMFANet+ if not given.
        num_blocks: Number of blocks, likewise.

    Returns:
        A model from `(batch, height, width, 3)` to `(batch, height x scale, width x scale, 3)`, RGB in [0, 1]; height
        and width at least 8.

    Raises:
        ValueError: If `scale` is none of those named, or `num_filters` is odd.

    Example:

    >>> smfanet(scale=4).count_params(), smfanet(scale=4, plus=True).count_params()
    (197328, 495888)

    Parameters (SMFANet / SMFANet+): 185,628 / 480,300 at x2, 190,503 / 486,795 at x3, 197,328 / 495,888 at x4.

    Differs from the official code:
        Only at the start: all biases but that of the first convolution are 0.

    References:
        - [SMFANet: A Lightweight Self-Modulation Feature Aggregation Network for Efficient Image Super-Resolution](https://www.ecva.net/papers/eccv_2024/papers_ECCV/papers/06713.pdf)
        - https://github.com/Zheng-MJ/SMFANet
    """
    if num_filters is None:
        num_filters = 48 if plus else 36
    if num_blocks is None:
        num_blocks = 12 if plus else 8
    if num_filters % 2:
        raise ValueError(f"`num_filters` must be even. Received: num_filters={num_filters}")
    low_resolution = skeleton.low_resolution_input(scale)
    # PyTorch's bias, too: the features of black would be zeros, which have no norm to divide by.
    bias = keras.initializers.RandomUniform(-(27**-0.5), 27**-0.5)
    shallow = skeleton.conv3x3(low_resolution, num_filters, "shallow", bias_initializer=bias)

    # Every block is guided by the same attention map (Eq. 2 and 3).
    guide = skeleton.global_guide(shallow, ggas)
    features = shallow
    for i in range(1, num_blocks + 1):
        features = normalized_residual(features, feature_aggregation, name=f"block_{i}_aggregation")
        features = normalized_residual(features, partial_feed_forward, name=f"block_{i}_feed_forward")
        features = guide(features, name=f"block_{i}")

    trunk = keras.layers.Add(name="trunk")([features, shallow])
    super_resolved = skeleton.sub_pixel_upsample(trunk, 3, scale, "upsample")
    return skeleton.super_resolution_model(low_resolution, super_resolved, name="smfanet")


def normalized_residual(features, residual, name: str):
    """``x + H(x / |x|)``, the norm being that of a pixel's channels."""
    # In float32: float16 has neither Keras's smallest norm, 1e-12, nor the squares of small features.
    normalized = keras.layers.UnitNormalization(dtype="float32", name=f"{name}_norm")(features)
    return keras.layers.Add(name=f"{name}_sum")([features, residual(normalized, name)])


def feature_aggregation(features, name: str):
    """SMFA: the approximate self-attention of half of the channels, plus the local detail of the other half."""
    num_filters = features.shape[-1]
    detail, modulated = keras.ops.split(skeleton.conv1x1(features, 2 * num_filters, f"{name}_expand"), 2, axis=-1)

    modulated = ApproximateSelfAttention(name=f"{name}_attention")(modulated)

    detail = keras.layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, name=f"{name}_depthwise")(detail)
    detail = gelu(skeleton.conv1x1(detail, 2 * num_filters, f"{name}_detail_1"))
    detail = skeleton.conv1x1(detail, num_filters, f"{name}_detail_2")

    merged = keras.layers.Add(name=f"{name}_merged")([modulated, detail])
    return skeleton.conv1x1(merged, num_filters, f"{name}_project")


def partial_feed_forward(features, name: str):
    """PCFN: a pointwise network in which a quarter of the widened channels see their neighbours."""
    num_filters = features.shape[-1]
    widened = gelu(skeleton.conv1x1(features, 2 * num_filters, f"{name}_expand"))
    convolved, kept = keras.ops.split(widened, [num_filters // 2], axis=-1)
    convolved = gelu(skeleton.conv3x3(convolved, num_filters // 2, f"{name}_conv"))
    mixed = keras.layers.Concatenate(name=f"{name}_mixed")([convolved, kept])
    return skeleton.conv1x1(mixed, num_filters, f"{name}_project")


def gelu(features):
    """The exact GELU, by the error function."""
    return keras.layers.Activation("gelu")(features)
