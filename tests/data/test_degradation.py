import dataclasses
from functools import partial

import numpy as np
import pytest
from reference import picture

from keras_lisr.data import Degradation, PatchSampler, imresize, pair_images
from keras_lisr.data.degradation import degrade_pairs
from keras_lisr.evaluation import psnr

SCALE = 4
decibels = partial(psnr, shave=1)
NOTHING = Degradation(blur=0, resize=(1, 1), noise=0, jpeg_quality=100)
PHOTOGRAPH = (picture(160, 240, 3) * 255).astype(np.uint8)
FLAT = np.full((160, 240, 3), 120, np.uint8)


def degrade(degradation, image=PHOTOGRAPH, seed=0):
    return degradation(image, SCALE, np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_shrinking_by_one_of_the_kernels(seed):
    expected = imresize(PHOTOGRAPH, 1 / SCALE)
    actual = degrade(NOTHING, seed=seed)
    assert (actual.dtype, actual.shape) == (np.uint8, (40, 60, 3))
    kept = decibels(expected, actual)
    assert kept > 30
    for axis in (0, 1):  # Nothing moves.
        assert decibels(np.roll(expected, 1, axis), actual) < kept - 3


def test_the_seed_decides():
    first, again, other = (degrade(Degradation(), seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.5


@pytest.mark.parametrize("softening", [{"blur": 1.5}, {"resize": (0.5, 0.5)}])
def test_blur_and_resizing_twice_take_detail(softening):
    noise = np.random.default_rng(0).integers(256, size=(160, 240, 3), dtype=np.uint8)
    sharp, soft = (
        np.mean([np.abs(np.diff(degrade(one, noise, seed).astype(float), axis=1)).mean() for seed in range(10)])
        for one in (NOTHING, dataclasses.replace(NOTHING, **softening))
    )
    assert soft < 0.7 * sharp


def test_noise_has_the_deviation_that_was_asked_for_at_most():
    noisy = dataclasses.replace(NOTHING, noise=20)
    deviations = [degrade(noisy, FLAT, seed).std() for seed in range(40)]
    assert 15 < max(deviations) < 21
    assert min(deviations) < 3
    assert abs(np.mean([degrade(noisy, FLAT, seed).mean() for seed in range(10)]) - 120) < 1


def test_jpeg_costs_decibels():
    poor = dataclasses.replace(NOTHING, jpeg_quality=10)
    losses = [decibels(degrade(NOTHING, seed=seed), degrade(poor, seed=seed)) for seed in range(20)]
    assert min(losses) < 30


@pytest.mark.parametrize("corner", [(0, 0), (12, 20), (24, 44)])
@pytest.mark.parametrize("seed", range(2))
def test_a_patch_is_that_of_the_whole_image(corner, seed):
    """Without rounded sizes, noise or visible JPEG blocks."""
    degradation = Degradation(noise=0, resize=(1, 1), jpeg_quality=100)
    patch = degradation.crop(PHOTOGRAPH, np.array(corner), 16, SCALE, np.random.default_rng(seed))
    top, left = corner
    expected = degrade(degradation, seed=seed)[top : top + 16, left : left + 16]
    assert np.abs(patch.astype(int) - expected).max() <= 8
    assert decibels(expected, patch) > 42


def test_an_image_may_be_as_small_as_the_patch():
    patch = Degradation().crop(PHOTOGRAPH[:64, :64], np.array([0, 0]), 16, SCALE, np.random.default_rng(0))
    assert patch.shape == (16, 16, 3)


@pytest.mark.parametrize(("name", "value"), [("blur", -1), ("resize", (2, 1)), ("jpeg_quality", 0)])
def test_nonsense_is_refused(name, value):
    with pytest.raises(ValueError, match=f"`{name}`"):
        Degradation(**{name: value})


def test_sampler_degrades_and_leaves_the_rest():
    images = [(picture(64, 80, 3, phase=i) * 255).astype(np.uint8) for i in range(3)]
    plain, degrading = (
        PatchSampler(images, scale=SCALE, patch_size=32, batch_size=8, degradation=degradation)
        for degradation in (None, Degradation())
    )
    low, high = plain.batch(5)
    degraded_low, degraded_high = degrading.batch(5)
    np.testing.assert_array_equal(degraded_high, high)
    assert all(15 < decibels(*patches) < 40 for patches in zip(low, degraded_low, strict=True))
    np.testing.assert_array_equal(degrading.batch(5)[0], degraded_low)


def test_pairs_are_degraded_always_in_the_same_way():
    pairs = pair_images([PHOTOGRAPH, FLAT], SCALE)
    once, again = (degrade_pairs(pairs, Degradation(), SCALE) for _ in range(2))
    assert once.fingerprint() == again.fingerprint() != pairs.fingerprint()
    assert [image.shape for image in once.low_resolution] == [image.shape for image in pairs.low_resolution]
    assert once.high_resolution is pairs.high_resolution
