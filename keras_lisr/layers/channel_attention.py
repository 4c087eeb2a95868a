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
    """

    receptive_field_radius = math.inf  # The pooling spans the picture.

    def __init__(self, reduction: int = 16, **kwargs):
        super().__init__(**kwargs)
        self.reduction = reduction

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
        return features * keras.ops.sigmoid(self.excite(self.squeeze(self.statistic(features))))

    def statistic(self, features):
        """Returns the input of the gate, `(batch, 1, 1, channels)`."""
        return global_mean(features)

    def get_config(self):
        return {**super().get_config(), "reduction": self.reduction}


def global_mean(features):
    """Averages over height and width in float32: in float16 the sum over a picture overflows."""
    return keras.ops.mean(keras.ops.cast(features, "float32"), axis=(1, 2), keepdims=True)
