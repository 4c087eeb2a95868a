"""Contrast-aware channel attention (CCA), the "Baseline+CCA" of Table 1 and the attention of IMDN."""

import keras

from keras_lisr.layers.channel_attention import ChannelAttention, global_mean


@keras.saving.register_keras_serializable(package="keras_lisr")
class ContrastChannelAttention(ChannelAttention):
    """Contrast-aware channel attention: a gate per channel from the mean and the contrast of its features.

    ``F -> mean + standard deviation -> 1x1 C/r -> ReLU -> 1x1 C -> sigmoid -> * F``

    Args:
        reduction: Ratio r by which the gate narrows the channels.
        epsilon: Added to the variance, because the gradient of its root is infinite on flat features; IMDN has 0.
        **kwargs: The usual arguments of a Keras layer (`name`, `dtype`, ...).

    Input shape:
        `(batch, height, width, channels)`; at least `reduction` channels.

    Output shape:
        The same.

    Raises:
        ValueError: If there are fewer channels than `reduction`.

    Relation to other attention:
        `ChannelAttention` with another statistic; both see the whole picture. 580 parameters for C = 64, r = 16.

    References:
        - [Lightweight Image Super-Resolution with Information Multi-distillation Network](https://arxiv.org/abs/1909.11856)
    """

    def __init__(self, reduction: int = 16, epsilon: float = 1e-10, **kwargs):
        super().__init__(reduction, **kwargs)
        self.epsilon = epsilon

    def statistic(self, features):
        """Computes mean plus population standard deviation over height and width, in float32."""
        features = keras.ops.cast(features, "float32")
        mean = global_mean(features)
        deviation = features - mean
        variance = global_mean(deviation * deviation)  # XNNPACK has no SQUARED_DIFFERENCE of integers.
        return mean + keras.ops.sqrt(variance + self.epsilon)

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}
