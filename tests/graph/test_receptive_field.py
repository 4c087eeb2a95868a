import math

import keras
import numpy as np
import pytest
from tiles import upscale_in_tiles

from keras_lisr import zoo
from keras_lisr.graph.receptive_field import receptive_field_radius


@pytest.mark.parametrize(
    ("build", "options", "radius"),
    [
        (zoo.edsr_baseline, {}, 36),
        (zoo.edsr_baseline, {"ggas": True}, 37),
        (zoo.fsrcnn, {}, 7),
        (zoo.carn, {}, 21),
        (zoo.idn, {}, 28),
        (zoo.memnet, {}, 74),
        (zoo.imdn, {"attention": None, "ggas": True, "cwss": True}, 27),
    ],
)
def test_radius_of_the_zoo(build, options, radius):
    assert receptive_field_radius(build(**options)) == radius


@pytest.mark.parametrize(
    ("attention", "radius"), [(None, 7), ("sa", 10), ("ca", math.inf), ("cca", math.inf), ("esa", math.inf)]
)
def test_attention_that_pools_over_the_picture_sees_all_of_it(attention, radius):
    assert receptive_field_radius(zoo.imdn(num_filters=16, num_blocks=1, attention=attention)) == radius


def test_a_changed_pixel_changes_the_result_as_far_as_the_radius_and_no_farther(network):
    radius = receptive_field_radius(network)
    middle = radius + 2
    image = np.full((1, 2 * middle + 1, 2 * middle + 1, 3), 0.5, np.float32)
    changed = image.copy()
    changed[:, middle, middle] = 1
    results = [keras.ops.convert_to_numpy(network(inputs)) for inputs in (changed, image)]
    difference = np.abs(results[0] - results[1]).max(axis=(0, 3))
    scale = len(difference) // len(image[0])
    for axis in (0, 1):
        pixels = np.flatnonzero(difference.max(axis=axis)) // scale
        assert (pixels.min(), pixels.max()) == (middle - radius, middle + radius)


def test_tiles_are_exact_where_the_halo_is_the_radius_and_not_with_a_pixel_less(network):
    radius = receptive_field_radius(network)
    side = 2 * (radius + 2) + 3
    image = np.random.default_rng(0).uniform(0.5, 1, (side, side + 1, 3)).astype(np.float32)
    whole = keras.ops.convert_to_numpy(network(image[None])[0])
    scale = len(whole) // side

    def error(halo):
        tiled = upscale_in_tiles(
            lambda window: keras.ops.convert_to_numpy(network(window)),
            image,
            scale=scale,
            tile=side // 2 - halo + 1,
            halo=halo,
        )
        return np.abs(tiled - whole).max() / whole.max()

    assert error(radius) <= 1e-6
    assert error(radius - 1) > 3e-6


def test_dilation_and_even_kernels_count():
    inputs = keras.Input((None, None, 3))
    dilated = keras.layers.Conv2D(4, 3, padding="same", dilation_rate=2)(inputs)
    even = keras.layers.DepthwiseConv2D((2, 4), padding="same")(dilated)
    assert receptive_field_radius(keras.Model(inputs, even)) == 2 + 2


def test_dilation_counts_in_transposed_convolutions():
    transposed = keras.layers.Conv2DTranspose(4, (3, 1), padding="same", dilation_rate=2)
    assert receptive_field_radius(keras.Sequential([keras.Input((None, None, 3)), transposed])) == 2


def test_fractions_add_up_before_they_are_rounded():
    features = inputs = keras.Input((None, None, 4))
    features = keras.ops.depth_to_space(keras.layers.Conv2D(64, 1)(features), 4)
    for _ in range(4):
        features = keras.layers.Conv2D(4, 3, padding="same")(features)
    assert receptive_field_radius(keras.Model(inputs, features)) == 1
