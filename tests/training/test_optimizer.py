import keras
import numpy as np
import pytest

from keras_lisr.training.optimizer import AveragingAdam


def trained(optimizer, steps):
    variable = keras.Variable(np.float32([10.0]))
    trajectory = []
    for _ in range(steps):
        optimizer.apply([keras.ops.ones(1)], [variable])
        trajectory.append(float(keras.ops.convert_to_numpy(variable)[0]))
    return variable, trajectory


def test_the_average_follows_its_definition():
    optimizer = AveragingAdam(0.5, ema_momentum=0.8)
    variable, trajectory = trained(optimizer, 60)
    average = trajectory[0]
    for step, value in enumerate(trajectory):
        momentum = min(step / (step + 9), 0.8)
        average = momentum * average + (1 - momentum) * value
    optimizer.finalize_variable_values([variable])
    assert float(keras.ops.convert_to_numpy(variable)[0]) == pytest.approx(average, rel=1e-5)


def test_untrained_averages_are_the_weights():
    variable = keras.Variable(np.float32([10.0]))
    optimizer = AveragingAdam(0.5)
    optimizer.build([variable])
    optimizer.finalize_variable_values([variable])
    assert float(keras.ops.convert_to_numpy(variable)[0]) == 10


def test_a_short_run_forgets_its_first_weights():
    optimizer = AveragingAdam(0.5, ema_momentum=0.999)
    variable, trajectory = trained(optimizer, 100)
    optimizer.finalize_variable_values([variable])
    assert abs(float(keras.ops.convert_to_numpy(variable)[0]) - trajectory[-1]) < 0.15 * abs(
        trajectory[0] - trajectory[-1]
    )


def test_config_makes_it_again():
    schedule = keras.optimizers.schedules.CosineDecay(1e-3, 100)
    optimizer = AveragingAdam(schedule, ema_momentum=0.9, global_clipnorm=2.0)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert isinstance(again, AveragingAdam)
    assert again.get_config() == optimizer.get_config()


def test_a_model_can_be_fitted_twice():
    """On JAX a step consumes the arrays of weights and averages, which must not be the same ones after a fit."""
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(AveragingAdam(0.1), "mae")
    batch = np.ones((2, 3), "float32"), np.zeros((2, 1), "float32")
    model.fit(*batch, epochs=2, verbose=0)
    before = [np.array(weight) for weight in model.get_weights()]
    model.fit(*batch, epochs=2, verbose=0)
    assert not np.array_equal(before[0], model.get_weights()[0])
