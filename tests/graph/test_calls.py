from fractions import Fraction

import keras
import pytest

from keras_lisr import zoo
from keras_lisr.graph.calls import calls


class Doubled(keras.layers.Layer):
    """A layer of somebody else's that says what it sees."""

    receptive_field_radius = 3
    scale = 2

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


@pytest.mark.parametrize(
    "make",
    [
        Silent(),
        Conv2D(4, 3, padding="same"),
        keras.layers.Conv2D(4, 3, padding="same", strides=2),
        keras.layers.Conv2D(4, 3, padding="valid"),
        keras.layers.Concatenate(axis=1),
        keras.layers.GlobalAveragePooling2D(keepdims=True),
        lambda inputs: inputs[:, 1:],
        lambda inputs: keras.ops.roll(inputs, 1, axis=1),
        lambda inputs: keras.Sequential([keras.layers.ReLU()])(inputs),
    ],
    ids=lambda make: type(make).__name__,
)
def test_what_is_not_known_is_not_guessed(make):
    with pytest.raises(ValueError, match="`model`.*`receptive_field_radius`"):
        list(calls(model_of(lambda inputs: make([inputs, inputs]) if "Concat" in str(make) else make(inputs))))


def test_only_functional_models_with_one_input_and_output_can_be_walked():
    inputs = keras.Input((None, None, 4)), keras.Input((None, None, 4))
    for model in (keras.Model(inputs, keras.layers.Add()(inputs)), keras.layers.ReLU()):
        with pytest.raises(ValueError, match="`model`"):
            list(calls(model))
