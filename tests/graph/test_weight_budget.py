import threading

import keras
import pytest

from keras_lisr.graph.weight_budget import SLACK, at_most_weights


def test_layers_are_built_within_the_budget_and_no_further():
    make = keras.Variable.__init__
    with at_most_weights(4 * SLACK):
        keras.layers.Dense(3).build((None, SLACK))
        with pytest.raises(ValueError, match="393219"):
            keras.layers.Dense(3).build((None, SLACK))
    assert keras.Variable.__init__ is make


def test_other_threads_build_what_they_like():
    built = []
    with at_most_weights(0):
        thread = threading.Thread(target=lambda: built.append(keras.layers.Dense(2 * SLACK).build((None, 1))))
        thread.start()
        thread.join()
    assert len(built) == 1
