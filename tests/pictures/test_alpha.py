import numpy as np
import pytest

from keras_lisr.pictures.alpha import bleed, bleed_rows, settle_alpha


@pytest.fixture
def random():
    return np.random.default_rng(0)


def spots(random, height, width, dtype=np.uint8):
    """Alpha that is 0 in most places and anything in the others."""
    white = np.iinfo(dtype).max
    alpha = random.integers(1, white + 1, (height, width, 1)) * (random.random((height, width, 1)) < 0.002)
    alpha[:, width // 2 :] *= random.integers(0, 2, alpha[:, width // 2 :].shape)
    return alpha.astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_hidden_gets_the_mean_of_what_is_seen_around_it(random, dtype, channels):
    colours = random.integers(0, np.iinfo(dtype).max + 1, (60, 70, channels), dtype)
    alpha = spots(random, 60, 70, dtype)
    result = bleed(colours, alpha)
    assert result.dtype == dtype
    seen = np.where(alpha <= 8 * (np.iinfo(dtype).max // 255), 0, alpha)
    for row, column in np.ndindex(60, 70):
        for radius in (0, 1, 2, 4, 8, 16):
            rows, columns = (slice(max(0, i - radius), i + radius + 1) for i in (row, column))
            weights = seen[rows, columns].astype(float)
            if weights.any():
                mean = (colours[rows, columns] * weights).sum(axis=(0, 1)) / weights.sum()
                expected = colours[row, column] if radius == 0 else np.floor(mean + 0.5)
                break
        else:
            expected = colours[row, column]
        np.testing.assert_array_equal(result[row, column], expected)


@pytest.mark.parametrize(("height", "width"), [(300, 40), (40, 300), (200, 210), (1, 1)])
def test_bands_bleed_as_the_whole_picture_does(random, height, width):
    colours, alpha = random.integers(0, 256, (height, width, 3), np.uint8), spots(random, height, width)
    picture = np.concatenate([colours, alpha], axis=2)
    rows = bleed_rows(picture)
    result = np.concatenate([rows[start : start + 9] for start in range(0, height, 9)])
    np.testing.assert_array_equal(result[..., :3], bleed(colours, alpha))
    np.testing.assert_array_equal(result[..., 3:], alpha)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_alpha_is_settled_where_it_was_so_all_around(random, dtype):
    white = np.iinfo(dtype).max
    alpha = np.full((150, 20, 1), white, dtype)
    alpha[100:] = 0
    alpha[30, 10] = white - 1
    enlarged = random.integers(0, white + 1, (300, 40, 1), dtype)
    result = settle_alpha(enlarged, alpha, 2)[0:300]
    kept = np.zeros((150, 20), bool)
    kept[98:102] = kept[28:33, 8:13] = True
    kept = kept.repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(result[kept], enlarged[kept])
    opaque = np.arange(300)[:, None] < 196
    assert (result[~kept & opaque] == white).all()
    assert not result[~kept & ~opaque].any()
