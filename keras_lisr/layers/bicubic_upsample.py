"""Bicubic upscaling that every backend and exporter can run."""

import keras
import numpy as np

from keras_lisr.basics.bicubic import cubic_kernel
from keras_lisr.layers.feature_layer import FeatureLayer

RADIUS = 2


@keras.saving.register_keras_serializable(package="keras_lisr")
class BicubicUpsample(FeatureLayer):
    """Bicubic upscaling by an integer factor, the image-space skip of IDN.

    Cubic kernel with a = -0.5 (Keys) between half-pixel centres, as MATLAB's and Pillow's bicubic, written as one fixed
    convolution to scale^2 images and depth to space. The border's pixels are repeated.

    Args:
        scale: Upscaling factor, an integer.
        **kwargs: The usual arguments of a Keras layer (`name`, `dtype`, ...).

    Input shape:
        `(batch, height, width, channels)`.

    Output shape:
        `(batch, height x scale, width x scale, channels)`; values may leave the range of the input.

    Relation to `keras.layers.UpSampling2D`:
        That cannot be traced with sizes known only at run time (Keras 3.15), and its bicubic has another kernel on the
        PyTorch backend (a = -0.75).
    """

    receptive_field_radius = RADIUS

    def __init__(self, scale: int, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, image):
        return keras.ops.depth_to_space(self.phases(image), self.scale)

    def phases(self, image):
        """Computes one image for each place within a low-resolution pixel, as channels."""
        # Slices, because `keras.ops.pad` differs between backends.
        image = keras.ops.concatenate([image[:, :1]] * RADIUS + [image] + [image[:, -1:]] * RADIUS, axis=1)
        image = keras.ops.concatenate([image[:, :, :1]] * RADIUS + [image] + [image[:, :, -1:]] * RADIUS, axis=2)
        kernel = phase_kernel(self.scale, image.shape[-1])
        if self.compute_dtype != "float32":  # A NumPy array is a constant in exported graphs, a tensor an input.
            kernel = keras.ops.cast(kernel, self.compute_dtype)
        return keras.ops.conv(image, kernel, data_format="channels_last")

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return (batch, height and height * self.scale, width and width * self.scale, channels)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


def phase_kernel(scale: int, channels: int) -> np.ndarray:
    """Returns the kernel `(5, 5, channels, scale^2 x channels)`, one output image for each place within a pixel."""
    phases = (np.arange(scale) + 0.5) / scale - 0.5
    weights = cubic_kernel(phases[:, None] - np.arange(-RADIUS, RADIUS + 1))
    kernel = np.einsum("yi,xj,cd->ijcyxd", weights, weights, np.eye(channels))
    return kernel.reshape(2 * RADIUS + 1, 2 * RADIUS + 1, channels, scale**2 * channels).astype("float32")
