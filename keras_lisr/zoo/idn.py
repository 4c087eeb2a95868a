"""IDN: information distillation network."""

from functools import partial

import keras

from keras_lisr.layers.bicubic_upsample import BicubicUpsample
from keras_lisr.zoo import skeleton
from keras_lisr.zoo.network import SuperResolutionModel, builder
from keras_lisr.zoo.skeleton import Strategy

GROUPS = 4

# The authors' kernels have three times the variance of the skeleton's, whose signal fades in these layers that nothing
# bypasses: gradients are then as small as Adam's epsilon, and the network does not begin to learn.
GLOROT = "glorot_uniform"
conv3x3 = partial(skeleton.conv3x3, kernel_initializer=GLOROT)
conv1x1 = partial(skeleton.conv1x1, kernel_initializer=GLOROT)


@builder
def idn(
    scale: int = 4,
    *,
    ggas: Strategy = False,
    cwss: Strategy = False,
    num_filters: int = 64,
    num_blocks: int = 4,
) -> SuperResolutionModel:
    """IDN (Hui et al., CVPR 2018) on RGB.

    ``I_LR -> 3x3 -> 3x3 -> block_1 -> ... -> block_4 -> 3x3 -> sub-pixel -> + bicubic(I_LR) -> I_SR``

    A block enhances its features by six convolutions, two of them in four groups, keeps a quarter of the channels from
    half way beside its input, and compresses the sum.

    Args:
        scale: Upscaling factor: 2, 3 or 4.
        ggas: Multiply each block's output by one global attention map: False, True or a layer factory.
        cwss: Rescale the input of each block: False, True or a layer factory.
        num_filters: Channels of the features, a multiple of 16.
        num_blocks: Number of blocks.

    Returns:
        A model from `(batch, height, width, 3)` to `(batch, height x scale, width x scale, 3)`, RGB in [0, 1].

    Raises:
        ValueError: If `scale` is not 2, 3 or 4, or `num_filters` is not a multiple of 16.

    Example:

    >>> idn(scale=4).count_params()
    600048

    Parameters (plain / GGAS / CWSS): 579,276 / 586,764 / 579,532 at x2, 587,931 / 595,419 / 588,187 at x3, 600,048 /
    607,536 / 600,304 at x4.

    Differs from the official code:
        This is the authors' TensorFlow network, whose count is the paper's, on [0, 1] in place of [0, 255]; their Caffe
        network works on luma. The bicubic skip repeats the border's pixels.

    References:
        - [Fast and Accurate Single Image Super-Resolution via Information Distillation Network](https://arxiv.org/abs/1803.09454)
        - https://github.com/Zheng222/IDN-tensorflow
    """
    if num_filters % 16:
        raise ValueError(f"`num_filters` must be a multiple of 16. Received: num_filters={num_filters}")
    low_resolution = skeleton.low_resolution_input(scale)
    shallow = skeleton.leaky_relu(conv3x3(low_resolution, num_filters, "shallow_1"))
    shallow = skeleton.leaky_relu(conv3x3(shallow, num_filters, "shallow_2"))

    # Every block is guided by the same attention map (Eq. 2 and 3).
    guide = skeleton.global_guide(shallow, ggas)
    features = shallow
    for i in range(1, num_blocks + 1):
        inputs = skeleton.channel_wise_scale(cwss, name=f"block_{i}")(features)
        enhanced = enhancement(inputs, name=f"block_{i}")
        compressed = skeleton.leaky_relu(conv1x1(enhanced, num_filters, f"block_{i}_compression"))
        features = guide(compressed, name=f"block_{i}")

    trunk = conv3x3(features, num_filters, "trunk")
    residual = skeleton.sub_pixel_upsample(trunk, 3, scale, "upsample", kernel_initializer=GLOROT)
    bicubic = BicubicUpsample(scale, dtype="float32", name="bicubic")(low_resolution)
    super_resolved = keras.layers.Add(dtype="float32", name="skip")([residual, bicubic])
    return skeleton.super_resolution_model(low_resolution, super_resolved, name="idn")


def enhancement(inputs, name: str):
    """Eq. 7 of a block whose residual is a quarter wider than its input: what was kept half way fills the identity."""
    num_filters = inputs.shape[-1]
    quarter = num_filters // 4

    features = skeleton.leaky_relu(conv3x3(inputs, 3 * quarter, f"{name}_conv_1"))
    features = skeleton.leaky_relu(grouped_conv3x3(features, 2 * quarter, f"{name}_conv_2"))
    features = skeleton.leaky_relu(conv3x3(features, num_filters, f"{name}_conv_3"))
    kept, features = keras.ops.split(features, [quarter], axis=-1)
    features = skeleton.leaky_relu(conv3x3(features, num_filters, f"{name}_conv_4"))
    features = skeleton.leaky_relu(grouped_conv3x3(features, 3 * quarter, f"{name}_conv_5"))
    residual = skeleton.leaky_relu(conv3x3(features, num_filters + quarter, f"{name}_conv_6"))

    identity = keras.layers.Concatenate(name=f"{name}_identity")([inputs, kept])
    return keras.layers.Add(name=f"{name}_sum")([identity, residual])


def grouped_conv3x3(features, filters: int, name: str):
    """3x3 convolution in groups of channels, each a layer of its own.

    Keras gives a grouped `Conv2D` to XLA on processors, because TensorFlow has no gradient for it there; that makes a
    training step ten times as long.
    """
    groups = keras.ops.split(features, GROUPS, axis=-1)
    convolved = [conv3x3(group, filters // GROUPS, f"{name}_{i}") for i, group in enumerate(groups, start=1)]
    return keras.layers.Concatenate(name=name)(convolved)
