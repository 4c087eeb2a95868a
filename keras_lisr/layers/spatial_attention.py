"""Spatial attention (SA), the "Baseline+SA" of Table 1."""

import keras

from keras_lisr.layers.feature_layer import FeatureLayer


@keras.saving.register_keras_serializable(package="keras_lisr")
class SpatialAttention(FeatureLayer):
    """Spatial attention of CBAM: a gate per pixel from the maximum and the mean over the channels.

    ``F -> [max, mean] over channels -> KxK -> BN -> sigmoid -> * F``

    Args:
        kernel_size: Side of the convolution; CBAM takes 7.
        **kwargs: The usual arguments of a Keras layer (`name`, `dtype`, ...).

    Input shape:
        `(batch, height, width, channels)`.

    Output shape:
        The same.

    Relation to other attention:
        One value per pixel for all channels, where `GlobalAttentionBlock` has one per pixel and channel. 98 weights and
        2 of the batch normalization for K = 7.

    References:
        - [CBAM: Convolutional Block Attention Module](https://arxiv.org/abs/1807.06521)
    """

    def __init__(self, kernel_size: int = 7, **kwargs):
        super().__init__(**kwargs)
        self.kernel_size = kernel_size
        self.receptive_field_radius = kernel_size // 2
        self.convolution = keras.layers.Conv2D(
            1, kernel_size, padding="same", use_bias=False, dtype=self.dtype_policy, name="convolution"
        )
        self.normalization = keras.layers.BatchNormalization(
            momentum=0.99, epsilon=1e-5, dtype=self.dtype_policy, name="normalization"
        )

    def build(self, input_shape):
        self.convolution.build((*input_shape[:-1], 2))
        self.normalization.build((*input_shape[:-1], 1))

    def call(self, features, training=None):
        statistics = keras.ops.concatenate(
            [keras.ops.max(features, axis=-1, keepdims=True), keras.ops.mean(features, axis=-1, keepdims=True)], axis=-1
        )
        logits = self.normalization(self.convolution(statistics), training=training)
        return features * keras.ops.sigmoid(logits)

    def get_config(self):
        return {**super().get_config(), "kernel_size": self.kernel_size}
