import keras
import numpy as np
import pytest

from keras_lisr.training.optimizer import AveragingAdam, AveragingMuon
from keras_lisr.zoo import edsr_baseline, fsrcnn, imdn, memnet


def train(optimizer, steps):
    variable = keras.Variable(np.float32([10.0]))
    trajectory = []
    for _ in range(steps):
        optimizer.apply([keras.ops.ones(1)], [variable])
        trajectory.append(float(keras.ops.convert_to_numpy(variable)[0]))
    return variable, trajectory


@pytest.mark.parametrize("make", [AveragingAdam, AveragingMuon])
def test_the_average_follows_its_definition(make):
    optimizer = make(0.5, ema_momentum=0.8)
    variable, trajectory = train(optimizer, 60)
    average = trajectory[0]
    for step, value in enumerate(trajectory):
        momentum = min(step / (step + 9), 0.8)
        average = momentum * average + (1 - momentum) * value
    optimizer.finalize_variable_values([variable])
    assert float(keras.ops.convert_to_numpy(variable)[0]) == pytest.approx(average, rel=1e-5)


@pytest.mark.parametrize(
    ("make", "options"), [(AveragingAdam, {}), (AveragingMuon, {"exclude_layers": ["^last/"], "ns_steps": 4})]
)
def test_config_makes_it_again(make, options):
    schedule = keras.optimizers.schedules.CosineDecay(1e-3, 100)
    optimizer = make(schedule, ema_momentum=0.9, global_clipnorm=2.0, **options)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert type(again) is make
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


def muon_learns(model):
    """Paths of the variables that Muon takes; Adam has velocities for the rest."""
    optimizer = AveragingMuon()
    optimizer.build(model.trainable_variables)
    velocities = zip(model.trainable_variables, optimizer.adam_velocities, strict=True)
    return {variable.path for variable, velocity in velocities if velocity is None}


@pytest.mark.parametrize("condition", [1, 1e5])
@pytest.mark.parametrize("shape", [(72, 16), (16, 72), (24, 24)])
def test_a_kernel_learns_as_the_matrix_does_with_keras(shape, condition):
    random = np.random.default_rng(0)
    left, _, right = np.linalg.svd(random.standard_normal(shape), full_matrices=False)
    gradient = (left * np.geomspace(1, 1 / condition, min(shape))) @ right
    kernel = keras.Variable(np.zeros((2, 2, shape[0] // 4, shape[1]), np.float32))
    matrix = keras.Variable(np.zeros(shape, np.float32))
    for optimizer, variable in (
        (AveragingMuon(0.1), kernel),
        (keras.optimizers.Muon(0.1, weight_decay=None, adam_weight_decay=None), matrix),
    ):
        for _ in range(3):
            optimizer.apply([keras.ops.convert_to_tensor(gradient.reshape(variable.shape), "float32")], [variable])
    learned, expected = (keras.ops.convert_to_numpy(variable).reshape(shape) for variable in (kernel, matrix))
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(learned, expected, atol=3e-3 * np.abs(expected).max())


def test_adam_takes_what_is_no_matrix_of_features():
    assert muon_learns(imdn(num_filters=16, num_blocks=1, ggas=True, cwss=True, attention="cca")) == {
        *(f"block_1_conv_{step}/kernel" for step in (1, 2, 3, 5)),
        "global_attention/pointwise/kernel",
        "fusion_conv/kernel",
        "trunk_conv/kernel",
    }
    assert muon_learns(fsrcnn(num_blocks=1)) == {"shrink/kernel", "block_1_conv/kernel", "expand/kernel"}
    assert muon_learns(edsr_baseline(num_blocks=1)).isdisjoint({"shallow/kernel", "reconstruction/kernel"})
    assert all(path.endswith("kernel") for path in muon_learns(memnet(num_blocks=1)))
