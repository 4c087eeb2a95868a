import keras
import numpy as np
import pytest
from reference import picture, to_numpy

from keras_lisr.graph.flatten import flatten


def model_of(make):
    inputs = keras.Input((None, None, 3))
    return keras.Model(inputs, make(inputs))


def named(name):
    convolution = keras.layers.Conv2D(3, 3, padding="same", name="conv")
    return keras.Sequential([keras.Input((None, None, 3)), convolution], name=name)


class Residual(keras.Model):
    """A model with a `call` of its own."""

    def __init__(self):
        super().__init__()
        self.convolution = keras.layers.Conv2D(3, 3, padding="same")

    def call(self, image):
        return image + self.convolution(image)


def deep():
    """`Sequential` in functional in functional, each called twice, with two layers of one name."""
    first, second = named("first"), named("second")
    middle = model_of(lambda x: second(first(first(x), training=False)))
    return model_of(lambda x: keras.ops.tanh(middle(middle(x))))


def by_names():
    inputs = keras.Input((None, None, 3), name="image")
    outputs = keras.layers.Conv2D(3, 3, padding="same")(inputs)
    return keras.Model({"image": inputs}, {"enlarged": outputs})


def test_a_flat_model_takes_and_returns_tensors():
    model, image = by_names(), picture(1, 6, 7, 3)
    np.testing.assert_array_equal(to_numpy(flatten(model)(image)), to_numpy(model({"image": image})["enlarged"]))


@pytest.mark.parametrize(
    "make",
    [deep, Residual, lambda: keras.Sequential([keras.layers.Conv2D(3, 3, padding="same"), Residual()])],
    ids=["deep", "subclassed", "not yet built"],
)
def test_a_flat_model_computes_the_same(make):
    model = make()
    flat = flatten(model)
    assert flatten(flat) is flat and not any(hasattr(layer, "_nodes_by_depth") for layer in flat.layers)
    image = picture(1, 6, 7, 3)
    np.testing.assert_allclose(to_numpy(flat(image)), to_numpy(model(image)), atol=1e-6)
    assert flat.name == model.name and flat.count_params() == model.count_params()


def test_a_model_that_cannot_take_pictures_is_refused():
    class Picky(keras.Model):
        def call(self, image):
            raise TypeError("no")

    with pytest.raises(ValueError, match="`model`"):
        flatten(Picky())
