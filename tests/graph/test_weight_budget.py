import threading

import keras
import numpy as np
import pytest

from keras_lisr.graph.weight_budget import SLACK, at_most_weights
from keras_lisr.zoo import load_model


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


def test_numbers_that_make_no_weights_are_not_looked_at(tmp_path):
    inputs = keras.Input((1, 1, 3))
    model = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Dense(5_000)(inputs)))
    rate = keras.optimizers.schedules.CosineDecay(1e-4, 300_000)
    model.compile(keras.optimizers.Adam(rate), "mae")
    model.fit(np.zeros((2, 1, 1, 3)), np.zeros((2, 1, 1, 3)), verbose=0)
    model.save(tmp_path / "trained.keras")
    assert load_model(tmp_path / "trained.keras").count_params() == model.count_params()
