import numpy as np
import pytest

from keras_lisr.data.patch_sequence import PatchSequence
from keras_lisr.data.patches import PatchSampler

pytest.importorskip("tensorflow", reason="tf.data needs TensorFlow")

from keras_lisr.data.pipeline import patch_dataset  # noqa: E402


@pytest.fixture
def sampler():
    random = np.random.default_rng(0)
    images = [random.integers(256, size=(40, 48, 3), dtype=np.uint8) for _ in range(3)]
    return PatchSampler(images, scale=2, patch_size=16, batch_size=4)


def test_shapes_and_types_are_known_before_the_first_batch(sampler):
    low_resolution, high_resolution = patch_dataset(sampler).element_spec
    assert (low_resolution.shape, high_resolution.shape) == ((4, 8, 8, 3), (4, 16, 16, 3))
    assert low_resolution.dtype == high_resolution.dtype == "float32"


def test_equals_the_sequence_for_other_backends(sampler):
    sequence = PatchSequence(sampler, steps_per_epoch=9, first_step=2)
    for index, batch in enumerate(patch_dataset(sampler, first_step=2).take(9)):
        for mine, yours in zip(batch, sequence[index], strict=True):
            np.testing.assert_array_equal(mine, yours)
