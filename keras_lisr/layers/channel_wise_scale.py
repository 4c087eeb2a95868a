"""The channel-wise scaling strategy (CWSS)."""

import keras

from keras_lisr.layers.feature_layer import FeatureLayer


@keras.saving.register_keras_serializable(package="keras_lisr")
class ChannelWiseScale(FeatureLayer):
    """Trainable scale per channel for the input of a residual connection (Eq. 8 and Fig. 4 of Du et al.).

    ``x -> alpha * x``

    The scaled input feeds both the identity and the residual branch: ``y = x_hat + H_RL(x_hat)`` with
    ``x_hat = alpha * x``. An alpha below one reduces the variance of the features, so that the branch learns smaller
    residuals and bears a larger learning rate.

    Args:
        initial_alpha: Value of every alpha before training; the paper takes 0.9. At 1 the layer starts as the identity.
        **kwargs: The usual arguments of a Keras layer (`name`, `dtype`, ...).

    Input shape:
        `(..., channels)`.

    Output shape:
        The same.

    Relation to the paper:
        One alpha per channel and residual connection, C parameters each, without any constraint.

    Example:

    >>> import numpy as np
    >>> ChannelWiseScale()(np.ones((1, 2), "float32")).numpy()
    array([[0.9, 0.9]], dtype=float32)

    References:
        - [Two Strategies Toward Lightweight Image Super-Resolution](https://doi.org/10.1109/ICASSP43922.2022.9747019)
    """

    receptive_field_radius = 0

    def __init__(self, initial_alpha: float = 0.9, **kwargs):
        super().__init__(**kwargs)
        self.initial_alpha = initial_alpha

    def build(self, input_shape):
        self.alpha = self.add_weight(
            shape=(input_shape[-1],), initializer=keras.initializers.Constant(self.initial_alpha), name="alpha"
        )

    def call(self, inputs):
        return inputs * self.alpha

    def get_config(self):
        return {**super().get_config(), "initial_alpha": self.initial_alpha}
