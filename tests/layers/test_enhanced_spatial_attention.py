import math

import keras
import numpy as np
import pytest
from reference import assert_close, assign_waves, convolution, pad, picture, relu, sigmoid, to_numpy, wave

from keras_lisr.layers import EnhancedSpatialAttention


def resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear with half-pixel centres, as PyTorch's `align_corners=False`, pixel by pixel."""
    result = np.empty((len(image), height, width, image.shape[-1]))
    for y in range(height):
        for x in range(width):
            place = [
                (i + 0.5) * n / size - 0.5 for i, n, size in zip((y, x), image.shape[1:3], (height, width), strict=True)
            ]
            place = [min(max(p, 0), n - 1) for p, n in zip(place, image.shape[1:3], strict=True)]
            (top, left), (down, right) = ([math.floor(p) for p in place], [math.ceil(p) for p in place])
            v, h = (p - math.floor(p) for p in place)
            result[:, y, x] = (1 - v) * ((1 - h) * image[:, top, left] + h * image[:, top, right]) + v * (
                (1 - h) * image[:, down, left] + h * image[:, down, right]
            )
    return result


def max_pool(image: np.ndarray) -> np.ndarray:
    """Windows of 7, stride 3, no padding."""
    return np.lib.stride_tricks.sliding_window_view(image, (7, 7), axis=(1, 2))[:, ::3, ::3].max(axis=(-2, -1))


def apply(layer: keras.layers.Conv2D, image: np.ndarray) -> np.ndarray:
    kernel, bias = map(to_numpy, layer.weights)
    return convolution(image, kernel, bias, layer.strides[0])


@pytest.mark.parametrize(("height", "width"), [(15, 15), (16, 21), (30, 27)])
def test_definition_of_rfanet(height, width):
    layer = EnhancedSpatialAttention(2)
    features = wave(2, height, width, 8)
    layer(features)
    assign_waves(layer)

    reduced = apply(layer.reduce, features)
    coarse = max_pool(apply(layer.stride, reduced))
    first, second, third = layer.coarse
    coarse = relu(apply(first, pad(coarse, 1)))
    coarse = relu(apply(second, pad(coarse, 1)))
    coarse = apply(third, pad(coarse, 1))
    attention = apply(layer.expand, resize(coarse, height, width) + apply(layer.skip, reduced))
    assert_close(layer(features), features * sigmoid(attention))


@pytest.mark.parametrize(("height", "width"), [(14, 15), (20, 14), (1, 1)])
def test_too_small(height, width):
    with pytest.raises(ValueError, match="`features`.* 15"):
        EnhancedSpatialAttention()(picture(1, height, width, 4))
