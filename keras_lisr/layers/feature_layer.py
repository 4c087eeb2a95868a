"""Base class of the layers."""

import math

import keras


class FeatureLayer(keras.layers.Layer):
    """A layer from features, `(batch, height, width, channels)`, to features of the same shape.

    Raises:
        ValueError: If Keras is set to `channels_first`, where the width would be taken for the channels.
    """

    smallest_side = 1

    def __init__(self, **kwargs):
        check_channels_last()
        super().__init__(**kwargs)

    def compute_output_shape(self, input_shape):
        return input_shape

    def check_sides(self, features) -> None:
        """Raises a ValueError if a static side is smaller than `smallest_side`."""
        if min((side for side in features.shape[1:3] if side is not None), default=math.inf) < self.smallest_side:
            raise ValueError(
                f"`features` must have sides of at least {self.smallest_side} pixels. Received: shape={features.shape}"
            )


def check_channels_last() -> None:
    """Raises a ValueError if Keras is set to `channels_first`, in keras.json or by a call."""
    if (data_format := keras.config.image_data_format()) != "channels_last":
        raise ValueError(
            "`image_data_format` must be 'channels_last': call keras.config.set_image_data_format('channels_last'). "
            f"Received: {data_format!r}"
        )
