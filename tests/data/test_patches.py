import dataclasses

import numpy as np
import pytest

from keras_lisr.data.image_pairs import pair_images
from keras_lisr.data.imresize import imresize
from keras_lisr.data.patches import PatchSampler, dihedral


@pytest.fixture
def images():
    random = np.random.default_rng(0)
    return [random.integers(256, size=(size, size + 9, 3), dtype=np.uint8) for size in (40, 49, 57)]


def sampler(images, **options):
    return PatchSampler(images, **{"scale": 4, "patch_size": 32, "batch_size": 8, **options})


def orbit(patch):
    return [dihedral(patch, orientation) for orientation in range(8)]


def test_patches_are_aligned_crops_under_flips_and_rotations(images):
    drawn = sampler(images)
    for low_patch, high_patch in zip(*drawn.batch(3), strict=True):
        assert any(
            np.array_equal(low_patch, dihedral(low[y : y + 8, x : x + 8], orientation))
            and np.array_equal(high_patch, dihedral(high[4 * y : 4 * y + 32, 4 * x : 4 * x + 32], orientation))
            for low, high in zip(drawn.low_resolution, drawn.high_resolution, strict=True)
            for y in range(low.shape[0] - 7)
            for x in range(low.shape[1] - 7)
            for orientation in range(8)
        )


def test_a_batch_depends_on_seed_and_step_alone(images):
    first, second = sampler(images), sampler(images)
    first.batch(0)
    for mine, yours in zip(first.batch(7), second.batch(7), strict=True):
        np.testing.assert_array_equal(mine, yours)
    assert not np.array_equal(first.batch(7)[0], first.batch(8)[0])
    assert not np.array_equal(first.batch(7)[0], sampler(images, seed=1).batch(7)[0])


def test_a_pass_shows_every_image_once():
    plain = [np.full((32, 32, 3), i, np.uint8) for i in range(10)]
    drawn = sampler(plain, batch_size=5)
    passes = [np.concatenate([drawn.batch(2 * p + half)[1][:, 0, 0, 0] for half in (0, 1)]) for p in (0, 1)]
    assert all(sorted(values) == list(range(10)) for values in passes)
    assert list(passes[0]) != list(passes[1])


def test_crops_reach_every_corner():
    position = np.stack([*np.mgrid[:48, :40], np.zeros((48, 40))], axis=-1).astype(np.uint8)
    corners = {
        (patch[..., 0].min(), patch[..., 1].min())
        for step in range(40)
        for patch in sampler([position], patch_size=32).batch(step)[1]
    }
    assert {y for y, _ in corners} == {0, 4, 8, 12, 16} and {x for _, x in corners} == {0, 4, 8}


def test_the_most_detailed_candidates_are_kept():
    random = np.random.default_rng(0)
    noise = [random.integers(256, size=(32, 32, 3), dtype=np.uint8) for _ in range(4)]
    ramp = np.broadcast_to(np.arange(32, dtype=np.uint8)[:, None, None], (32, 32, 3)).copy()
    drawn = sampler([*noise, *[ramp] * 8], batch_size=4, candidates=3)
    for step in range(3):
        patches = drawn.batch(step)[1]
        assert all(any(np.array_equal(patch, turned) for patch in patches for turned in orbit(one)) for one in noise)


@pytest.mark.parametrize("options", [{"candidates": 2, "patch_size": 8}, {"patch_size": 30}, {"patch_size": 64}])
def test_impossible_patches_are_refused(images, options):
    with pytest.raises(ValueError, match=f"`{list(options)[-1]}`"):
        sampler(images, **options)


def test_no_images_are_refused():
    with pytest.raises(ValueError, match="`images`"):
        sampler([])


def test_the_eight_orientations_are_the_symmetries_of_the_square():
    square = np.arange(9).reshape(3, 3)
    images = {orientation.tobytes() for orientation in orbit(square)}
    assert len(images) == 8
    assert {np.ascontiguousarray(image).tobytes() for turned in orbit(square) for image in orbit(turned)} == images


@pytest.mark.parametrize(("share", "expected"), [(0, 40), (1, 80), (0.25, 50)])
def test_labels_take_their_share_of_the_targets(share, expected):
    pairs = pair_images([np.full((40, 40, 3), 40, np.uint8)], 4)
    labelled = dataclasses.replace(pairs, labels=[np.full((40, 40, 3), 80, np.uint8)])
    low, high = sampler(labelled, label_share=lambda step: share).batch(0)
    assert (low == 40).all()
    assert (high == expected).all()


def test_labels_are_aligned(images):
    pairs = pair_images(images, 4)
    labelled = dataclasses.replace(pairs, labels=[255 - image for image in pairs.high_resolution])
    np.testing.assert_array_equal(sampler(labelled).batch(5)[1], 255 - sampler(pairs).batch(5)[1])


def test_some_patches_are_smooth_and_the_others_stay(images):
    plain, mixed = sampler(images, batch_size=64), sampler(images, batch_size=64, smooth_share=0.25)
    low, high = mixed.batch(2)
    changed = [i for i, patch in enumerate(plain.batch(2)[0]) if not np.array_equal(patch, low[i])]
    assert 8 <= len(changed) <= 24
    flat = 0
    for i in changed:
        np.testing.assert_allclose(imresize(high[i], 1 / 4)[1:-1, 1:-1], low[i][1:-1, 1:-1].astype(float), atol=1)
        flat += len(np.unique(high[i].reshape(-1, 3), axis=0)) == 1
    assert 0 < flat < len(changed)
