import threading

import keras
import pytest

from keras_lisr.zoo.weight_budget import SLACK, at_most_weights


def test_layers_are_built_within_the_budget_and_no_further():
    add_weight = keras.layers.Layer.add_weight
    with at_most_weights(4 * SLACK):
        keras.layers.Dense(3).build((None, SLACK))
        with pytest.raises(ValueError, match="it holds 262144 weights, .* of 393219 up to 'much'"):
            keras.layers.Dense(3, name="much").build((None, SLACK))
    assert keras.layers.Layer.add_weight is add_weight


def test_no_weight_is_made_that_is_refused(monkeypatch):
    monkeypatch.setattr(keras.layers.Layer, "add_weight", None)
    with at_most_weights(0), pytest.raises(ValueError, match="a network of 10000000000 up to"):
        keras.layers.Conv2D(10_000, 100).build((None, None, None, 100))


def test_other_threads_build_what_they_like():
    built = []
    with at_most_weights(0):
        thread = threading.Thread(target=lambda: built.append(keras.layers.Dense(2 * SLACK).build((None, 1))))
        thread.start()
        thread.join()
    assert len(built) == 1
