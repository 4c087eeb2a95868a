import keras
import pytest

from keras_lisr import zoo
from keras_lisr.evaluation import multiply_accumulates, parameters


def model_of(*layers):
    features = inputs = keras.Input((None, None, 16))
    for layer in layers:
        features = layer(features)
    return keras.Model(inputs, features)


def test_parameters_are_the_trainable_ones():
    assert parameters(model_of(keras.layers.Conv2D(4, 3), keras.layers.BatchNormalization())) == 16 * 36 + 4 + 8


@pytest.mark.parametrize(
    ("build", "options", "giga"),
    [
        (zoo.imdn, {}, 40.9),
        (zoo.edsr_baseline, {}, 114.2),
        (zoo.carn, {}, 90.9),
        (zoo.fsrcnn, {}, 2.0),
        (zoo.fsrcnn, {"scale": 3}, 2.5),
    ],
)
def test_the_papers_numbers(build, options, giga):
    assert round(multiply_accumulates(build(**options)) / 1e9, 1) == giga


@pytest.mark.parametrize(
    ("layer", "per_pixel"),
    [
        (keras.layers.Conv2D(8, 3, padding="same"), 9 * 16 * 8),
        (keras.layers.Conv2D(8, 3, padding="same", groups=4), 9 * 16 * 8 // 4),
        (keras.layers.DepthwiseConv2D(5, padding="same"), 25 * 16),
        (keras.layers.ReLU(), 0),
    ],
)
def test_convolutions(layer, per_pixel):
    assert multiply_accumulates(model_of(layer), 10, 20) == 200 * per_pixel


def test_transposed_convolution_works_on_its_input():
    layer = keras.layers.Conv2DTranspose(8, 9, strides=4, padding="same")
    assert multiply_accumulates(model_of(layer), 40, 80) == 10 * 20 * 81 * 16 * 8


def test_what_follows_depth_to_space_works_on_more_pixels():
    model = model_of(lambda features: keras.ops.depth_to_space(features, 4), keras.layers.Conv2D(3, 1))
    assert multiply_accumulates(model, 40, 80) == 40 * 80 * 3


def test_a_shared_layer_counts_each_time_it_is_applied():
    shared = keras.layers.Conv2D(16, 3, padding="same")
    assert multiply_accumulates(model_of(shared, shared, shared), 1, 1) == 3 * 9 * 16 * 16


@pytest.mark.parametrize(
    ("options", "per_pixel"),
    [
        ({"ggas": True}, 49 * 16 + 16 * 16),
        ({"cwss": True}, 0),
        ({"attention": "cca"}, 0),
        ({"attention": "sa"}, 98),
        ({"attention": "esa"}, 16 * 4 + 9 * 16 / 4 + 3 * 9 * 16 / 36 + 16 + 4 * 16),
    ],
)
def test_what_strategies_and_attention_add(options, per_pixel):
    plain, costlier = (
        multiply_accumulates(zoo.imdn(2, num_filters=16, num_blocks=1, **{"attention": None, **extra}), 72, 128)
        for extra in ({}, options)
    )
    assert costlier - plain == 36 * 64 * per_pixel


def test_smfanet():
    """By hand; the attention works on a 64th of the pixels."""
    model = zoo.smfanet(2, num_filters=8, num_blocks=1)
    aggregation = 8 * 16 + (9 * 8 + 64) / 64 + 9 * 16 + 16 * 16 + 16 * 8 + 8 * 8
    feed_forward = 8 * 16 + 9 * 4 * 4 + 16 * 8
    ends = 9 * 3 * 8 + 9 * 8 * 12
    assert multiply_accumulates(model, 64, 64) == 32 * 32 * (aggregation + feed_forward + ends)


def test_kernels_of_every_name_and_in_models_inside_count():
    layers = [keras.layers.SeparableConv2D(8, 3, padding="same"), keras.layers.Conv2D(3, 1)]
    model = keras.Sequential([keras.Input((None, None, 3)), keras.Sequential(layers)])
    assert multiply_accumulates(model, 10, 10) == 100 * (27 + 24 + 24)


def test_bicubic_is_not_counted():
    # 28.3 without the skip, by hand: the kernels' sizes times 57,600 pixels.
    model = zoo.idn(num_filters=16, num_blocks=1)
    kernels = sum(weight.value.numpy().size for weight in model.weights if weight.name == "kernel")
    assert multiply_accumulates(model) == 57_600 * kernels
