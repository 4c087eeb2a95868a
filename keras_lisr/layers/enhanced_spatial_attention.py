"""Enhanced spatial attention (ESA), the "Baseline+ESA" of Table 1."""

import math

import keras

from keras_lisr.layers.feature_layer import FeatureLayer


@keras.saving.register_keras_serializable(package="keras_lisr")
class EnhancedSpatialAttention(FeatureLayer):
    """Enhanced spatial attention of RFANet: a gate per pixel and channel from a map computed at a sixth of the size.

    ``F -> 1x1 C/r -> 3x3 stride 2 -> max pool 7 stride 3 -> 3 x (3x3) -> bilinear to H x W -> + 1x1 -> 1x1 C -> sigmoid
    -> * F``

    Args:
        reduction: Ratio by which the first convolution narrows the channels; RFANet takes 4.
        **kwargs: The usual arguments of a Keras layer (`name`, `dtype`, ...).

    Input shape:
        `(batch, height, width, channels)`; height and width at least 15, and at least `reduction` channels.

    Output shape:
        The same.

    Raises:
        ValueError: If there are fewer channels than `reduction`, or a static side is smaller than 15 pixels;
            `keras_lisr.inference.Upscaler` checks every picture.

    Relation to other attention:
        Sees about 50 pixels around each pixel without pooling over the picture; the pooling grid starts at the
        picture's corner, so that tiles agree with the whole only where they start at multiples of 6. 11,680 parameters
        for 64 channels and r = 4.

    References:
        - [Residual Feature Aggregation Network for Image Super-Resolution](https://openaccess.thecvf.com/content_CVPR_2020/html/Liu_Residual_Feature_Aggregation_Network_for_Image_Super-Resolution_CVPR_2020_paper.html)
    """

    receptive_field_radius = math.inf  # The pooling grid starts at the picture's corner, so that a tile has another.
    smallest_side = 15  # Pooling leaves nothing of a smaller one, which some backends silently resize to zeros.

    def __init__(self, reduction: int = 4, **kwargs):
        super().__init__(**kwargs)
        self.reduction = reduction

    def build(self, input_shape):
        channels = input_shape[-1]
        filters = channels // self.reduction

        def convolution(name, inputs, outputs, kernel_size, **options):
            layer = keras.layers.Conv2D(outputs, kernel_size, dtype=self.dtype_policy, name=name, **options)
            layer.build((None, None, None, inputs))
            return layer

        self.reduce = convolution("reduce", channels, filters, 1)
        self.stride = convolution("stride", filters, filters, 3, strides=2)
        self.coarse = [
            convolution(f"coarse_{i}", filters, filters, 3, padding="same", activation=activation)
            for i, activation in enumerate(("relu", "relu", None), start=1)
        ]
        self.skip = convolution("skip", filters, filters, 1)
        self.expand = convolution("expand", filters, channels, 1)

    def call(self, features):
        self.check_sides(features)
        reduced = self.reduce(features)
        coarse = keras.ops.max_pool(self.stride(reduced), 7, strides=3, data_format="channels_last")
        for layer in self.coarse:
            coarse = layer(coarse)
        skip = self.skip(reduced)
        return features * keras.ops.sigmoid(self.expand(self.resize(coarse, skip) + skip))

    def resize(self, coarse, skip):
        """Resizes a coarse map to the size of another one: bilinear, between half-pixel centres.

        It multiplies by two interpolation matrices, because `keras.ops.image.resize` cannot be traced with dynamic
        sizes (Keras 3.15).
        """
        _, rows, columns, _ = keras.ops.shape(coarse)
        _, height, width, _ = keras.ops.shape(skip)
        vertical = keras.ops.cast(interpolation_matrix(height, rows), coarse.dtype)
        horizontal = keras.ops.cast(interpolation_matrix(width, columns), coarse.dtype)
        return keras.ops.einsum("hr,brcf,wc->bhwf", vertical, coarse, horizontal)

    def get_config(self):
        return {**super().get_config(), "reduction": self.reduction}


def interpolation_matrix(size, from_size):
    """Returns the weights of linear interpolation, `(size, from_size)`, each row summing to one."""
    position = (keras.ops.cast(keras.ops.arange(size), "float32") + 0.5) * (
        keras.ops.cast(from_size, "float32") / keras.ops.cast(size, "float32")
    ) - 0.5
    position = keras.ops.clip(position, 0, keras.ops.cast(from_size - 1, "float32"))
    distance = keras.ops.abs(position[:, None] - keras.ops.cast(keras.ops.arange(from_size), "float32")[None])
    return keras.ops.maximum(1 - distance, 0)
