"""FSRCNN: fast super-resolution convolutional neural network."""

import keras

from keras_lisr.zoo import skeleton
from keras_lisr.zoo.network import SuperResolutionModel, builder
from keras_lisr.zoo.skeleton import Strategy


@builder
def fsrcnn(
    scale: int = 4,
    *,
    ggas: Strategy = False,
    head: str = "sub_pixel",
    num_filters: int = 56,
    num_shrunk_filters: int = 12,
    num_blocks: int = 4,
) -> SuperResolutionModel:
    """FSRCNN (Dong et al., ECCV 2016) on RGB.

    ``I_LR -> 5x5 -> 1x1 shrink (F_0) -> block_1 -> ... -> block_4 -> 1x1 expand -> head -> I_SR``

    The smallest network of the zoo: the blocks are single 3x3 convolutions on 12 channels. It has no residual
    connection, and so nothing that CWSS could scale.

    Args:
        scale: Upscaling factor: 2, 3 or 4.
        ggas: Multiply each block's output by one global attention map: False, True or a layer factory.
        head: "sub_pixel" for a sub-pixel convolution, with ReLU throughout, as the paper's authors trained it;
            "deconvolution" for the original's 9x9 transposed convolution, with PReLU throughout.
        num_filters: Channels of the first and last features, d in the original.
        num_shrunk_filters: Channels of the blocks, s in the original.
        num_blocks: Number of blocks, m in the original.

    Returns:
        A model from `(batch, height, width, 3)` to `(batch, height x scale, width x scale, 3)`, RGB in [0, 1].

    Raises:
        ValueError: If `scale` or `head` is none of those named.

    Example:

    >>> fsrcnn(scale=4).count_params()
    35140

    Parameters (plain / GGAS): 16,960 / 17,740 at x2, 24,535 / 25,315 at x3, 35,140 / 35,920 at x4; with
    `head="deconvolution"` 24,683 at every scale.

    Differs from the official code:
        RGB in place of luma. The paper's 33K at x4 fits no source; this network is the one that its authors published.
        The transposed convolution is centred, where PyTorch ports crop 4 pixels at the first border whatever the scale.

    References:
        - [Accelerating the Super-Resolution Convolutional Neural Network](https://arxiv.org/abs/1608.00367)
        - https://github.com/NJU-Jet/SR_Framework
    """
    if head not in ("sub_pixel", "deconvolution"):
        raise ValueError(f"`head` must be 'sub_pixel' or 'deconvolution'. Received: head={head!r}")
    low_resolution = skeleton.low_resolution_input(scale)

    def activation(features, name):
        if head == "sub_pixel":
            return keras.layers.ReLU(name=name)(features)
        return keras.layers.PReLU(keras.initializers.Constant(0.25), shared_axes=[1, 2], name=name)(features)

    he = {"kernel_initializer": "he_normal"}
    features = activation(skeleton.convolution(num_filters, 5, "extract", **he)(low_resolution), "extract_activation")
    shallow = activation(skeleton.conv1x1(features, num_shrunk_filters, "shrink", **he), "shallow")

    # Every block is guided by the same attention map (Eq. 2 and 3).
    guide = skeleton.global_guide(shallow, ggas)
    features = shallow
    for i in range(1, num_blocks + 1):
        features = skeleton.conv3x3(features, num_shrunk_filters, f"block_{i}_conv", **he)
        features = guide(activation(features, f"block_{i}_activation"), name=f"block_{i}")

    features = activation(skeleton.conv1x1(features, num_filters, "expand", **he), "expand_activation")

    if head == "sub_pixel":
        super_resolved = skeleton.sub_pixel_upsample(features, 3, scale, "upsample")
    else:
        super_resolved = keras.layers.Conv2DTranspose(3, 9, strides=scale, padding="same", name="upsample")(features)
    return skeleton.super_resolution_model(low_resolution, super_resolved, name="fsrcnn")
