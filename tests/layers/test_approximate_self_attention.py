import math

import keras
import numpy as np
import pytest
from reference import assert_close, assign_waves, convolution, pad, picture, to_numpy, wave

from keras_lisr.layers import ApproximateSelfAttention


def adaptive_max_pool(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """PyTorch's: the i-th of n parts of a side of s pixels goes from floor(i s / n) to ceil((i + 1) s / n)."""
    result = np.empty((len(image), height, width, image.shape[-1]), image.dtype)
    for y in range(height):
        for x in range(width):
            top, left = y * image.shape[1] // height, x * image.shape[2] // width
            down, right = math.ceil((y + 1) * image.shape[1] / height), math.ceil((x + 1) * image.shape[2] / width)
            result[:, y, x] = image[:, top:down, left:right].max(axis=(1, 2))
    return result


def nearest(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """PyTorch's `mode="nearest"`: a pixel at i of a side of s pixels is that at floor(i n / s) of n."""
    rows, columns = (np.arange(size) * n // size for size, n in zip((height, width), image.shape[1:3], strict=True))
    return image[:, rows][:, :, columns]


def gelu(features: np.ndarray) -> np.ndarray:
    return features * (1 + np.vectorize(math.erf)(features / math.sqrt(2))) / 2


def compute(layer: ApproximateSelfAttention, features: np.ndarray) -> np.ndarray:
    depthwise, depthwise_bias, pointwise, pointwise_bias, alpha, belt = map(
        to_numpy,
        (*layer.depthwise.weights, *layer.pointwise.weights, layer.alpha, layer.belt),
    )
    height, width = features.shape[1:3]
    coarse = pad(adaptive_max_pool(features, height // layer.pool_size, width // layer.pool_size), 1)
    diagonal = depthwise[..., 0, None] * np.eye(features.shape[-1])
    coarse = convolution(coarse, diagonal, depthwise_bias)
    variance = features.var(axis=(1, 2), keepdims=True, ddof=1)
    modulation = gelu(convolution(coarse * alpha + variance * belt, pointwise, pointwise_bias))
    return features * nearest(modulation, height, width)


def build(channels: int = 6, **options) -> ApproximateSelfAttention:
    layer = ApproximateSelfAttention(**options)
    layer.build((None, None, None, channels))
    assign_waves(layer)
    return layer


# Multiples of 8, one side of them, neither, and parts of all lengths: 15 and 8, 11 and 12, 8 and 9, which overlap.
SIZES = [(8, 8), (16, 24), (16, 21), (15, 9), (23, 31), (57, 43), (22, 40)]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_definition_of_smfanet(height, width):
    layer, features = build(), wave(2, height, width, 6)
    result = layer(features)
    assert_close(result, compute(layer, features))
    assert to_numpy(result).std() > 0.01


@pytest.mark.parametrize("shape", [(None, None), (24, None), (None, 24)])
def test_sizes_known_at_run_time_only(shape):
    layer, inputs = build(), keras.Input((*shape, 6))
    model = keras.Model(inputs, layer(inputs))
    for sides in SIZES:
        height, width = (fixed or side for fixed, side in zip(shape, sides, strict=True))
        features = wave(1, height, width, 6)
        assert_close(model.predict(features, verbose=0), compute(layer, features))


@pytest.mark.parametrize(("height", "width"), [(7, 8), (20, 7), (1, 1)])
def test_too_small(height, width):
    with pytest.raises(ValueError, match="`features`.* 8"):
        ApproximateSelfAttention()(picture(1, height, width, 4))


def test_the_variance_is_that_of_the_picture():
    assert ApproximateSelfAttention().receptive_field_radius == math.inf
    assert (ApproximateSelfAttention().smallest_side, ApproximateSelfAttention(4).smallest_side) == (8, 4)


def test_the_variance_is_that_of_all_pixels_in_low_precision():
    """Sums in bfloat16 stop at 256."""
    layer, features = build(2, dtype="mixed_bfloat16"), wave(1, 128, 96, 2)
    np.testing.assert_allclose(
        to_numpy(layer.variance(keras.ops.cast(features, "bfloat16"))),
        features.var(axis=(1, 2), keepdims=True, ddof=1),
        rtol=0.01,
    )
