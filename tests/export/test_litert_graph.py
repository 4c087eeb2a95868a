import keras
import numpy as np
import pytest
from architectures import every_layer
from reference import assert_close, assign_waves, picture, to_numpy

from keras_lisr import zoo
from keras_lisr.export.litert_graph import litert_graph
from keras_lisr.graph.cast import layers_in
from keras_lisr.graph.flatten import nodes
from keras_lisr.layers import BicubicUpsample

PICTURE = picture(1, 16, 21, 3)


def operations(model):
    """Classes of a network's operations, in the order in which they run."""
    return [type(node.operation).__name__ for node in nodes(model)]


def assert_equal(model):
    """Rewrites a network, which must not change what it computes, and returns the new one."""
    assign_waves(model)
    rewritten = litert_graph(model)
    assert_close(rewritten(PICTURE, training=False), model(PICTURE, training=False))
    return rewritten


@every_layer
def test_computes_the_same(architecture, options):
    model = architecture.build_tiny(**options, num_blocks=1)
    assert_equal(model)
    weights = [to_numpy(weight) for weight in model.weights]
    expected = to_numpy(model(PICTURE, training=False)).clip(0, 1)
    bounded = to_numpy(litert_graph(model, bounded=True)(PICTURE, training=False))
    assert_close(bounded, expected, atol=0.501 / 255)
    assert_close(bounded * 255, np.rint(bounded * 255), atol=1e-3)
    for weight, before in zip(model.weights, weights, strict=True):
        np.testing.assert_array_equal(to_numpy(weight), before)


@pytest.mark.parametrize(
    "model",
    [
        zoo.fsrcnn(3, num_filters=4, num_blocks=1),
        zoo.fsrcnn(3, num_filters=4, num_blocks=1, head="deconvolution"),
        zoo.idn(3, num_filters=16, num_blocks=1),
        zoo.imdn(3, num_filters=16, num_blocks=1),
        zoo.memnet(3, num_filters=4, num_blocks=1, num_recursions=1),
        zoo.shallow_edsr(3, num_filters=4, num_blocks=1),
    ],
    ids=lambda model: model.name,
)
def test_pixels_are_rearranged_once_and_at_last(model):
    assert operations(litert_graph(model)).count("DepthToSpace") == 1
    assert operations(litert_graph(model))[-1] == "DepthToSpace"
    assert operations(litert_graph(model, bounded=True))[-2:] == ["Bounded", "DepthToSpace"]


def test_where_a_convolution_follows_the_bounds_do_too():
    model = zoo.edsr_baseline(4, num_filters=4, num_blocks=1)
    assert operations(litert_graph(model)) == operations(model)
    assert operations(litert_graph(model, bounded=True)) == [*operations(model), "Bounded"]


def test_nothing_is_left_that_delegates_do_not_run():
    names = operations(litert_graph(zoo.idn(2, num_filters=16, num_blocks=1)))
    assert "BicubicUpsample" not in names
    assert "Split" not in names
    assert "Split" not in operations(litert_graph(zoo.imdn(2, num_filters=16, num_blocks=1)))
    assert "Conv2DTranspose" not in operations(litert_graph(zoo.fsrcnn(2, head="deconvolution")))


def test_sums_of_what_is_rearranged():
    inputs = keras.Input((None, None, 3))

    def convolve(filters):
        return keras.layers.Conv2D(filters, 3, padding="same")(inputs)

    enlarged = keras.ops.depth_to_space(convolve(48), 4)
    by_function = keras.Model(inputs, keras.ops.add(enlarged, BicubicUpsample(4)(inputs)))
    assert operations(assert_equal(by_function)).count("DepthToSpace") == 1
    twice = keras.ops.depth_to_space(keras.ops.depth_to_space(convolve(48), 2), 2)
    other_blocks = keras.Model(inputs, keras.layers.Add()([enlarged, twice]))
    assert operations(assert_equal(other_blocks)).count("DepthToSpace") == 3
    resized = keras.layers.UpSampling2D(2)(inputs)
    other_kind = keras.Model(inputs, keras.layers.Add()([keras.ops.depth_to_space(convolve(12), 2), resized]))
    assert operations(assert_equal(other_kind)).count("DepthToSpace") == 1


def test_a_rescaling_keeps_its_channels():
    inputs = keras.Input((None, None, 3))
    enlarged = keras.ops.depth_to_space(keras.layers.Conv2D(12, 1)(inputs), 2)
    for scale, offset in ((2.0, 0.5), ([1.0, 2.0, 3.0], [0.1, 0.2, 0.3])):
        rescaled = keras.Model(inputs, keras.layers.Rescaling(scale, offset)(enlarged))
        assert operations(assert_equal(rescaled))[-2:] == ["Rescaling", "DepthToSpace"]


def test_a_batch_normalization_is_one_operator_wherever_no_convolution_takes_it_in():
    keras.utils.set_random_seed(0)
    model = zoo.memnet(2, num_filters=4, num_blocks=2, num_recursions=2)
    rewritten = assert_equal(model)
    normalizations = {layer.name for layer in rewritten.layers if isinstance(layer, keras.layers.BatchNormalization)}
    depthwise = {layer.name for layer in rewritten.layers if isinstance(layer, keras.layers.DepthwiseConv2D)}
    assert normalizations == {f"block_{i}_unit_2_normalization" for i in (1, 2)}
    assert depthwise == {f"block_{i}_{name}_normalization" for i in (1, 2) for name in ("unit_1", "gate")}


@pytest.mark.parametrize("options", [{"scale": False}, {"center": False}, {"axis": 3}])
def test_any_batch_normalization_is_one_operator(options):
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.BatchNormalization(**options)(keras.layers.ReLU()(inputs)))
    assert operations(assert_equal(model)) == ["InputLayer", "ReLU", "DepthwiseConv2D"]


def test_the_global_policy_does_not_matter():
    model = zoo.memnet(2, num_filters=4, num_blocks=1, ggas=True, cwss=True)
    prelu = zoo.fsrcnn(2, num_filters=4, num_blocks=1, ggas=True, head="deconvolution")
    with layers_in("mixed_bfloat16"):
        for network in (model, prelu):
            for bounded in (False, True):
                rewritten = litert_graph(network, bounded=bounded)
                assert {layer.compute_dtype for layer in rewritten.layers} == {"float32"}


def test_layers_may_be_called_by_keyword():
    inputs = keras.Input((None, None, 3))
    features = keras.layers.Conv2D(12, 3, padding="same")(inputs=inputs)
    features = keras.layers.BatchNormalization()(inputs=keras.layers.ReLU()(inputs=features))
    assert_equal(keras.Model(inputs, keras.layers.Rescaling(2.0, 0.1)(inputs=keras.ops.depth_to_space(features, 2))))


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.DepthwiseConv2D(7, padding="same"),
        keras.layers.Conv2DTranspose(3, 4, 2, padding="same"),
        keras.layers.BatchNormalization(),
        keras.layers.Rescaling(0.5, 0.1),
        BicubicUpsample(2),
    ],
    ids=lambda layer: layer.name,
)
def test_layers_may_be_called_again(layer):
    inputs = keras.Input((None, None, 3))
    start = keras.ops.depth_to_space(keras.layers.Conv2D(12, 3, padding="same")(inputs), 2)
    model = keras.Model(inputs, keras.layers.Add()([layer(start), layer(start + 1)]))
    assert_equal(model)
    litert_graph(model, bounded=True)
