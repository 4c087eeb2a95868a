"""The global attention block (GAB) of the global-guided attention strategy (GGAS)."""

import math

import keras

from keras_lisr.layers.feature_layer import FeatureLayer


@keras.saving.register_keras_serializable(package="keras_lisr")
class GlobalAttentionBlock(FeatureLayer):
    """Global attention map GA of the shallow features (Eq. 2 and Fig. 3b of Du et al.).

    ``F_0 -> depthwise KxK -> BN -> ReLU -> pointwise 1x1 -> sigmoid -> GA``

    One block per network: the map is computed once from the shallow features and multiplies the output of every block
    of the trunk (Eq. 3). It holds one weight per pixel and channel, which suppresses flat areas, so that the blocks can
    focus on edges and textures.

    Args:
        kernel_size: Side of the depthwise convolution; the paper takes 7.
        initial_bias: Bias of the pointwise convolution before training. At 0, the paper's literal choice, GA starts
            near 0.5, and N guided blocks in a row shrink the identity by 0.5^N; at 3 it starts near 0.95. See
            docs/decisions/0002-initial-attention.md for the measurement behind the default.
        starts_at_one: Whether GA starts at exactly 1 everywhere, for a trained network that gets the block afterwards:
            the pointwise kernel starts at 0, and the map is divided by its initial value, sigmoid(initial_bias). The
            sigmoid keeps its slope at `initial_bias`; see docs/decisions/0013-transplanting.md.
        **kwargs: The usual arguments of a Keras layer (`name`, `dtype`, ...).

    Input shape:
        `(batch, height, width, channels)`, the shallow features F_0.

    Output shape:
        The same; values between 0 and 1; with `starts_at_one`, between 0 and 1 / sigmoid(initial_bias), 1.05 by
        default.

    Relation to the paper:
        C channels take (K^2 + 1)C + 2C + C^2 + C trainable parameters (Eq. 5). The batch normalization follows the
        depthwise convolution directly and can be folded into it, which leaves C^2 + (K^2 + 2)C (Eq. 6). Its momentum
        and epsilon are PyTorch's (0.9 as Keras counts it, 1e-5), in which the paper was trained.

    Example:

    >>> import numpy as np
    >>> block = GlobalAttentionBlock()
    >>> block(np.zeros((1, 16, 16, 64), "float32")).shape
    TensorShape([1, 16, 16, 64])
    >>> sum(weight.shape.num_elements() for weight in block.trainable_weights)  # Eq. 5
    7488

    References:
        - [Two Strategies Toward Lightweight Image Super-Resolution](https://doi.org/10.1109/ICASSP43922.2022.9747019)
    """

    def __init__(self, kernel_size: int = 7, initial_bias: float = 3.0, starts_at_one: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.kernel_size = kernel_size
        self.receptive_field_radius = kernel_size // 2
        self.initial_bias = initial_bias
        self.starts_at_one = starts_at_one
        self.depthwise = keras.layers.DepthwiseConv2D(
            kernel_size, padding="same", dtype=self.dtype_policy, name="depthwise"
        )
        self.normalization = keras.layers.BatchNormalization(
            momentum=0.9, epsilon=1e-5, dtype=self.dtype_policy, name="normalization"
        )

    def build(self, input_shape):
        self.pointwise = keras.layers.Conv2D(
            input_shape[-1],
            1,
            kernel_initializer="zeros" if self.starts_at_one else "glorot_uniform",
            bias_initializer=keras.initializers.Constant(self.initial_bias),
            dtype=self.dtype_policy,
            name="pointwise",
        )
        for layer in (self.depthwise, self.normalization, self.pointwise):
            layer.build(input_shape)

    def call(self, shallow, training=None):
        features = self.normalization(self.depthwise(shallow), training=training)
        logits = self.pointwise(keras.ops.relu(features))
        if not self.starts_at_one:
            return keras.ops.sigmoid(logits)
        # In float32: in bfloat16 the sigmoid and its divisor can differ by 1 %.
        attention_map = keras.ops.sigmoid(keras.ops.cast(logits, "float32")) / self.divisor
        return keras.ops.cast(attention_map, self.compute_dtype)

    @property
    def divisor(self) -> float:
        """Divisor of the sigmoid, so that the map starts at 1 with `starts_at_one`."""
        return 1 / (1 + math.exp(-self.initial_bias)) if self.starts_at_one else 1.0

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "initial_bias": self.initial_bias,
            "starts_at_one": self.starts_at_one,
        }
