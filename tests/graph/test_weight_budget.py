import threading

import keras
import pytest

from keras_lisr.graph.weight_budget import SLACK, at_most_weights


def test_layers_are_built_within_the_budget_and_no_further():
    make = keras.Variable.__init__
    with at_most_weights(4 * SLACK):
        keras.layers.Dense(3).build((None, SLACK))
        with pytest.raises(ValueError, match="a network of 393219 weights and more; by those in it, 262144 can be"):
            keras.layers.Dense(3).build((None, SLACK))
    assert keras.Variable.__init__ is make


def test_no_weight_is_made_that_is_refused(monkeypatch):
    monkeypatch.setattr(keras.Variable, "__init__", None)
    with at_most_weights(0), pytest.raises(ValueError, match="a network of 10000000000 weights"):
        keras.layers.Conv2D(10_000, 100).build((None, None, None, 100))


def test_states_count():
    with at_most_weights(0), pytest.raises(ValueError, match="a network of 200.* weights and more"):
        keras.layers.LSTM(1, stateful=True)(keras.Input(batch_shape=(2 * 10**5, 4, 3)))


def test_other_threads_build_what_they_like():
    built = []
    with at_most_weights(0):
        thread = threading.Thread(target=lambda: built.append(keras.layers.Dense(2 * SLACK).build((None, 1))))
        thread.start()
        thread.join()
    assert len(built) == 1
