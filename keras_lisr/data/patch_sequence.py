"""Training batches as a `keras.utils.PyDataset`, for backends on machines without TensorFlow."""

import keras
import numpy as np

from keras_lisr.data.patches import PatchSampler


class PatchSequence(keras.utils.PyDataset):
    """The sampler's batches of one epoch after the other, the same as `pipeline.patch_dataset`'s.

    `fit` asks for the batches of an epoch by their numbers and does not say of which epoch; it also takes one before
    the first epoch, to build the model. So `first_step` has to be set at the beginning of each epoch.

    Args:
        sampler: Where the patches come from.
        steps_per_epoch: Number of batches that `fit` calls an epoch.
        first_step: Training step of the epoch's first batch.
        part: Index, from 0, and number of the equal parts of each batch, where several processes train together.
        **kwargs: `workers`, `use_multiprocessing` and `max_queue_size` of `keras.utils.PyDataset`.
    """

    def __init__(
        self,
        sampler: PatchSampler,
        steps_per_epoch: int,
        first_step: int = 0,
        part: tuple[int, int] = (0, 1),
        **kwargs,
    ):
        super().__init__(**kwargs)
        index, count = part
        size = sampler.batch_size // count
        self.rows = slice(index * size, (index + 1) * size)
        self.sampler = sampler
        self.steps_per_epoch = steps_per_epoch
        self.first_step = first_step

    def __len__(self) -> int:
        return self.steps_per_epoch

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        low_resolution, high_resolution = (each[self.rows] for each in self.sampler.batch(self.first_step + index))
        return low_resolution.astype(np.float32) / 255, high_resolution.astype(np.float32) / 255
