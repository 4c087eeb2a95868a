"""Training batches as a tf.data dataset."""

import numpy as np
import tensorflow as tf

from keras_lisr.data.patches import PatchSampler


def patch_dataset(sampler: PatchSampler, first_step: int = 0) -> tf.data.Dataset:
    """Endless tf.data dataset of the sampler's batches, from step `first_step` on.

    Args:
        sampler: Where the patches come from.
        first_step: Training step of the first batch.

    Returns:
        Pairs of float32 tensors in [0, 1]: `(batch, patch_size / scale, patch_size / scale, 3)` and
        `(batch, patch_size, patch_size, 3)`.
    """
    low_size = sampler.patch_size // sampler.scale

    def draw(step):
        low_resolution, high_resolution = tf.numpy_function(sampler.batch, [step], (tf.uint8, tf.uint8))
        low_resolution.set_shape((sampler.batch_size, low_size, low_size, 3))
        high_resolution.set_shape((sampler.batch_size, sampler.patch_size, sampler.patch_size, 3))
        return tf.cast(low_resolution, tf.float32) / 255, tf.cast(high_resolution, tf.float32) / 255

    steps = tf.data.Dataset.counter(np.int64(first_step))
    return steps.map(draw, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(tf.data.AUTOTUNE)
