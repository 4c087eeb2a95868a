"""What the layers of this package have in common."""

import keras


class FeatureLayer(keras.layers.Layer):
    """A layer from features, `(batch, height, width, channels)`, to features of the same shape.

    Raises:
        ValueError: If Keras is set to `channels_first`, where it would take the width for the channels.
    """

    def __init__(self, **kwargs):
        check_channels_last()
        super().__init__(**kwargs)

    def compute_output_shape(self, input_shape):
        return input_shape


def check_channels_last() -> None:
    """Raises a ValueError if Keras is set to `channels_first`, in keras.json or by a call."""
    if (data_format := keras.config.image_data_format()) != "channels_last":
        raise ValueError(
            "`image_data_format` of Keras must be 'channels_last' for networks and layers of keras_lisr: "
            f"keras.config.set_image_data_format('channels_last'). Received: {data_format!r}"
        )
