import math
from fractions import Fraction

import keras
import pytest

from keras_lisr import zoo
from keras_lisr.graph.calls import calls


class Doubled(keras.layers.Layer):
    """A layer of somebody else's that says what it sees; its `scale` is something else."""

    receptive_field_radius = 3
    scale = 0.1

    def call(self, features):
        return keras.ops.repeat(keras.ops.repeat(features, 2, axis=1), 2, axis=2)


class Silent(keras.layers.Layer):
    """One that does not."""

    def call(self, features):
        return features


class Conv2D(keras.layers.Conv2D):
    """One that looks like Keras's own."""


def model_of(make):
    inputs = keras.Input((None, None, 4))
    return keras.Model(inputs, make(inputs))


def test_calls_come_in_the_order_in_which_they_run():
    model = zoo.edsr_baseline(num_filters=4, num_blocks=1)
    graph = list(calls(model))
    made = set()
    for call in graph:
        assert {id(tensor) for tensor in call.inputs} <= made
        made |= {id(tensor) for tensor in call.outputs}
    assert graph[-1].outputs == model.outputs
    assert (graph[0].output_resolution, graph[-1].output_resolution) == (1, 4)


def test_a_shared_layer_is_called_several_times():
    model = zoo.memnet(num_filters=4, num_blocks=1, num_recursions=3)
    assert sum(call.operation.name == "block_1_unit_1_conv" for call in calls(model)) == 3


def test_transposed_convolution():
    # Strides 4: outputs 4i to 4i + 3 take the 9 taps of outputs 4i - 2 to 4i + 6, that is, one input to either side.
    model = model_of(keras.layers.Conv2DTranspose(3, 9, strides=4, padding="same"))
    *_, call = calls(model)
    assert (call.radius, call.input_resolution, call.output_resolution) == (Fraction(3, 4), 1, 4)


def test_a_layer_may_say_what_it_sees():
    *_, call = calls(model_of(Doubled()))
    assert (call.radius, call.output_resolution) == (3, 2)


def both(inputs):
    return inputs, inputs


@pytest.mark.parametrize(
    ("make", "radius"),
    [
        (lambda x: keras.ops.clip(x, 0, 1), 0),
        (lambda x: keras.ops.cast(x / 2.0, "float16"), 0),
        (lambda x: keras.ops.tanh(x) ** 2 - abs(x), 0),
        (lambda x: x[..., :2], 0),
        (lambda x: keras.ops.mean(x, axis=-1, keepdims=True), 0),
        (keras.layers.GaussianNoise(0.1), 0),
        (keras.layers.RandomFlip(), 0),
        (keras.layers.LayerNormalization(), 0),
        (keras.layers.Dense(4), 0),
        (keras.layers.SeparableConv2D(4, 5, padding="same"), 2),
        (keras.layers.SpectralNormalization(keras.layers.Conv2D(4, 5, padding="same")), 2),
        (keras.layers.MaxPooling2D(3, strides=1, padding="same"), 1),
        (keras.layers.Conv2DTranspose(4, 2, strides=2), 0),
        (keras.layers.Conv2D(4, 3, padding="same", strides=2), math.inf),
        (keras.layers.Conv2D(4, 3, padding="valid"), math.inf),
        (keras.layers.GlobalAveragePooling2D(keepdims=True), math.inf),
        (keras.layers.GroupNormalization(2), math.inf),
        (lambda x: keras.ops.max(x, axis=(1, 2)), math.inf),
        (Silent(), None),
        (Conv2D(4, 3, padding="same"), None),
        (keras.layers.LayerNormalization(axis=[2, 3]), None),
        (lambda x: keras.layers.Concatenate(axis=1)(both(x)), None),
        (lambda x: x[:, 1:], None),
        (lambda x: keras.ops.roll(x, 1, axis=1), None),
    ],
)
def test_what_an_operation_sees_is_known_and_not_guessed(make, radius):
    inputs = keras.Input((20, 24, 4))
    radii = [call.radius for call in calls(keras.Model(inputs, make(inputs)))]
    assert [each for each in radii if each != 0] == ([] if radius == 0 else [radius])


def test_the_grid_is_followed_through_what_is_not_known():
    x = keras.layers.Conv2D(8, 3, padding="same")
    gate = keras.Sequential([keras.layers.GlobalAveragePooling2D(), keras.layers.Reshape((1, 1, 4))])
    model = model_of(lambda inputs: x(keras.layers.Multiply()([Doubled()(inputs), gate(inputs)])))
    *_, call = calls(model)
    assert (call.input_resolution, call.output_resolution, call.values) == (2, 2, [8 * 4])


def test_only_models_from_one_picture_to_one_tensor_can_be_walked():
    inputs = keras.Input((None, None, 4)), keras.Input((None, None, 4))
    words = keras.Sequential([keras.Input((7,)), keras.layers.Dense(3)])
    for model in (keras.Model(inputs, keras.layers.Add()(inputs)), words, keras.layers.ReLU()):
        with pytest.raises(ValueError, match="`model`"):
            list(calls(model))
