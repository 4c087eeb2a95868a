"""The efficient approximation of self-attention (EASA) of SMFANet."""

import math

import keras

from keras_lisr.layers.feature_layer import FeatureLayer


@keras.saving.register_keras_serializable(package="keras_lisr")
class ApproximateSelfAttention(FeatureLayer):
    """Modulates features by a coarse map of local maxima and the variance of the picture.

    ``F -> adaptive max pool to H // 8 x W // 8 -> depthwise 3x3 -> * alpha + belt * variance(F) -> 1x1 -> GELU ->
    nearest to H x W -> * F``

    Args:
        pool_size: Side of the pooling neighbourhoods, 8 in SMFANet.
        **kwargs: The usual arguments of a Keras layer (`name`, `dtype`, ...).

    Input shape:
        `(batch, height, width, channels)`; height and width at least `pool_size`.

    Output shape:
        The same.

    Raises:
        ValueError: If a static side is smaller than `pool_size`; `keras_lisr.inference.Upscaler` checks every picture.

    Relation to other attention:
        The variance is that of the whole picture, unbiased, so that tiles cannot reproduce it. alpha starts at 1 and
        belt, as the authors spell it, at 0.

    References:
        - [SMFANet](https://www.ecva.net/papers/eccv_2024/papers_ECCV/papers/06713.pdf)
        - https://github.com/Zheng-MJ/SMFANet
    """

    receptive_field_radius = math.inf

    def __init__(self, pool_size: int = 8, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = pool_size
        self.smallest_side = pool_size  # Pooling leaves nothing of a smaller one.

    def build(self, input_shape):
        channels = input_shape[-1]
        self.depthwise = keras.layers.DepthwiseConv2D(3, padding="same", dtype=self.dtype_policy, name="depthwise")
        self.pointwise = keras.layers.Conv2D(channels, 1, activation="gelu", dtype=self.dtype_policy, name="pointwise")
        self.depthwise.build(input_shape)
        self.pointwise.build(input_shape)
        self.alpha = self.add_weight(shape=(channels,), initializer="ones", name="alpha")
        self.belt = self.add_weight(shape=(channels,), initializer="zeros", name="belt")

    def call(self, features):
        self.check_sides(features)
        coarse = self.depthwise(self.pool(features))
        modulation = self.pointwise(coarse * self.alpha + self.variance(features) * self.belt)
        return features * self.enlarge(modulation, features)

    def pool(self, features):
        """Pools the maxima of neighbourhoods, whose sides differ by a pixel where `pool_size` does not fit."""
        if all(side is not None and side % self.pool_size == 0 for side in features.shape[1:3]):
            return keras.ops.max_pool(features, self.pool_size, strides=self.pool_size, data_format="channels_last")
        return self.pool_axis(self.pool_axis(features, axis=1), axis=2)

    def pool_axis(self, features, axis: int):
        """Pools adaptively along one axis: the i-th of n parts is from floor(i s / n) to ceil((i + 1) s / n)."""
        size = keras.ops.shape(features)[axis]
        parts = size // self.pool_size
        part = keras.ops.arange(parts)[:, None]
        first, end = part * size // parts, ((part + 1) * size + parts - 1) // parts
        # A part is shorter than two neighbourhoods; shorter ones repeat their last pixel.
        longest = 2 * self.pool_size - 1
        members = keras.ops.minimum(first + keras.ops.arange(longest), end - 1)
        features = keras.ops.take(features, keras.ops.reshape(members, (-1,)), axis=axis)
        window = (longest, 1) if axis == 1 else (1, longest)
        return keras.ops.max_pool(features, window, strides=window, data_format="channels_last")

    def variance(self, features):
        """Computes the unbiased variance of each channel over the picture, `(batch, 1, 1, channels)`."""
        _, height, width, _ = keras.ops.shape(features)
        count = keras.ops.cast(height * width, "float32")
        # In float32: bfloat16 cannot count the pixels.
        variance = keras.ops.var(keras.ops.cast(features, "float32"), axis=(1, 2), keepdims=True)
        return keras.ops.cast(variance * (count / (count - 1)), self.compute_dtype)

    def enlarge(self, coarse, features):
        """Enlarges a coarse map to the size of the features, by nearest neighbours."""
        for axis in (1, 2):
            size, from_size = keras.ops.shape(features)[axis], keras.ops.shape(coarse)[axis]
            coarse = keras.ops.take(coarse, keras.ops.arange(size) * from_size // size, axis=axis)
        return coarse

    def get_config(self):
        return {**super().get_config(), "pool_size": self.pool_size}
