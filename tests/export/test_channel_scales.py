import keras
import numpy as np
import pytest

from keras_lisr.export.channel_scales import solve
from keras_lisr.layers import ChannelWiseScale
from keras_lisr.zoo import edsr_baseline


def test_a_chain_carries_the_product_of_its_alphas():
    model = edsr_baseline(2, num_filters=4, num_blocks=3, cwss=True)
    alphas = [np.array([0.5, 2.0, 1.5, 0.25]) * i for i in (1, 2, 3)]
    for i, alpha in enumerate(alphas, start=1):
        model.get_layer(f"block_{i}_sum_alpha").set_weights([alpha])
    solution = solve(model)
    assert not solution.kept
    shallow = solution.values(solution.layers["shallow"][1])
    for i in (1, 2, 3):
        entering, leaving = solution.layers[f"block_{i}_conv_1"][0], solution.layers[f"block_{i}_conv_2"][1]
        for scales in (entering, leaving):
            np.testing.assert_allclose(solution.values(scales), shallow * np.prod(alphas[:i], axis=0))
    np.testing.assert_allclose(solution.values(solution.layers["trunk_conv"][0]), shallow * np.prod(alphas, axis=0))


def make_scale(alpha: list[float]) -> ChannelWiseScale:
    layer = ChannelWiseScale(name="alpha")
    layer.build((None, None, None, len(alpha)))
    layer.set_weights([np.array(alpha)])
    return layer


def around(*layers) -> keras.Model:
    """A network of some layers between two convolutions."""
    inputs = features = keras.Input((None, None, 2))
    for layer in (keras.layers.Conv2D(2, 1), *layers, keras.layers.Conv2D(2, 1)):
        features = layer(features)
    return keras.Model(inputs, features)


@pytest.mark.parametrize(
    "rectifier",
    [
        keras.layers.ReLU(),
        keras.layers.ReLU(negative_slope=0.1),
        keras.layers.LeakyReLU(0.05),
        keras.layers.PReLU("ones", shared_axes=[1, 2]),
    ],
)
def test_rectifiers_pass_what_is_positive(rectifier):
    assert not solve(around(keras.layers.ReLU(name="before"), make_scale([0.5, 2]), rectifier)).kept


@pytest.mark.parametrize(
    "layer", [keras.layers.ReLU(6.0), keras.layers.ReLU(threshold=1.0), keras.layers.Rescaling(2.0, offset=1.0)]
)
def test_what_does_not_commute_with_scales_is_left_alone(layer):
    assert not solve(around(make_scale([0.5, 2]), layer)).kept  # The convolution before takes the alphas.
    assert solve(around(keras.layers.ReLU(6.0), make_scale([0.5, 2]), layer)).kept.keys() == {"alpha"}


def test_the_scales_of_a_split_and_a_concatenation_are_those_of_their_channels():
    inputs = keras.Input((None, None, 2))
    features = make_scale([0.5, 2])(keras.layers.Conv2D(2, 1, name="first")(inputs))
    one, other = keras.ops.split(features, 2, axis=-1)
    outputs = keras.layers.Conv2D(3, 1, name="last")(keras.layers.Concatenate()([other, one, other]))
    solution = solve(keras.Model(inputs, outputs))
    first, last = solution.layers["first"][1], solution.layers["last"][0]
    np.testing.assert_allclose(solution.values(last), solution.values(first)[[1, 0, 1]] * [2, 0.5, 2])


def test_the_phases_of_a_pixel_have_the_scale_of_their_channel():
    inputs = keras.Input((None, None, 2))
    phases = keras.layers.Conv2D(8, 1, name="first")(inputs)
    features = make_scale([0.5, 2])(keras.ops.depth_to_space(phases, 2))
    sums = keras.layers.Add()([keras.ops.depth_to_space(keras.layers.Conv2D(8, 1, name="other")(inputs), 2), features])
    solution = solve(keras.Model(inputs, keras.layers.Conv2D(3, 1)(sums)))
    first, other = (solution.values(solution.layers[name][1]).reshape(4, 2) for name in ("first", "other"))
    np.testing.assert_allclose(first * [0.5, 2], other)
    assert (other == other[0]).all()


def test_scales_that_enter_a_shared_layer_twice_are_the_same():
    inputs = keras.Input((None, None, 2))
    features = keras.layers.ReLU(6.0)(keras.layers.Conv2D(2, 1)(inputs))
    shared = keras.layers.Conv2D(2, 1, name="shared")
    outputs = keras.layers.Add()([shared(features), shared(make_scale([0.5, 2])(features))])
    assert solve(keras.Model(inputs, outputs)).kept == {"alpha": "two different scales meet at shared"}
