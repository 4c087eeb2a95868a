import numpy as np
import pytest

from keras_lisr.data.patch_sequence import PatchSequence
from keras_lisr.data.patches import PatchSampler


@pytest.fixture
def sampler():
    images = [np.random.default_rng(0).integers(256, size=(40, 48, 3), dtype=np.uint8)]
    return PatchSampler(images, scale=2, patch_size=16, batch_size=4)


def test_an_epoch_begins_at_its_first_step(sampler):
    sequence = PatchSequence(sampler, steps_per_epoch=3, first_step=4)
    assert len(sequence) == 3
    np.testing.assert_array_equal(sequence[2][1], sampler.batch(6)[1].astype("float32") / 255)
    sequence.first_step = 7
    np.testing.assert_array_equal(sequence[0][0], sampler.batch(7)[0].astype("float32") / 255)


def test_parts_of_a_batch_are_the_batch(sampler):
    parts = [PatchSequence(sampler, steps_per_epoch=3, part=(index, 2))[1] for index in (0, 1)]
    for mine, whole in zip(zip(*parts, strict=True), PatchSequence(sampler, steps_per_epoch=3)[1], strict=True):
        np.testing.assert_array_equal(np.concatenate(mine), whole)
