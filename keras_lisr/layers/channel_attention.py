"""Channel attention (CA), the "Baseline+CA" of Table 1 and the attention of RCAN."""

import math
from functools import partial

import keras

from keras_lisr.layers.feature_layer import FeatureLayer


@keras.saving.register_keras_serializable(package="keras_lisr")
class ChannelAttention(FeatureLayer):
    """Channel attention: a gate per channel from the global average of its features.

    ``F -> global pooling -> 1x1 C/r -> ReLU -> 1x1 C -> sigmoid -> * F``

    Args:
        reduction: Ratio r by which the gate narrows the channels.
        max_pooling: Sum the gate's logits over the global average and the global maximum, as CBAM does; without it,
            the average alone, as RCAN does.
        **kwargs: The usual arguments of a Keras layer (`name`, `dtype`, ...).

    Input shape:
        `(batch, height, width, channels)`; at least `reduction` channels.

    Output shape:
        The same.

    Raises:
        ValueError: If there are fewer channels than `reduction`.

    Relation to other attention:
        The pooling spans the whole picture, so that a picture computed in tiles differs from one computed whole.
        580 parameters for 64 channels and r = 16.

    References:
        - [Image Super-Resolution Using Very Deep Residual Channel Attention Networks](https://arxiv.org/abs/1807.02758)
        - [CBAM: Convolutional Block Attention Module](https://arxiv.org/abs/1807.06521)
    """

    receptive_field_radius = math.inf  # The pooling spans the picture.

    def __init__(self, reduction: int = 16, max_pooling: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.reduction = reduction
        self.max_pooling = max_pooling

    def build(self, input_shape):
        channels = input_shape[-1]
        convolution = partial(
            keras.layers.Conv2D,
            kernel_size=1,
            kernel_initializer=keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform"),  # PyTorch's.
            dtype=self.dtype_policy,
        )
        self.squeeze = convolution(channels // self.reduction, activation="relu", name="squeeze")
        self.excite = convolution(channels, name="excite")
        self.squeeze.build((None, 1, 1, channels))
        self.excite.build((None, 1, 1, channels // self.reduction))

    def call(self, features):
        logits = sum(self.excite(self.squeeze(statistic)) for statistic in self.statistics(features))
        return features * keras.ops.sigmoid(logits)

    def statistics(self, features) -> list:
        """What the gate sees: tensors of shape `(batch, 1, 1, channels)`, each one its own pass through the gate."""
        statistics = [global_mean(features)]
        if self.max_pooling:
            statistics.append(keras.ops.max(features, axis=(1, 2), keepdims=True))
        return statistics

    def get_config(self):
        return {**super().get_config(), "reduction": self.reduction, "max_pooling": self.max_pooling}


def global_mean(features):
    """Mean over height and width in float32: in float16 the sum over a picture overflows."""
    return keras.ops.mean(keras.ops.cast(features, "float32"), axis=(1, 2), keepdims=True)
