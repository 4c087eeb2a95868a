import keras
import numpy as np
import pytest
from architectures import some_architectures
from reference import picture

from keras_lisr.export.channel_scales import solve
from keras_lisr.export.equalize import MOVES, Statistics, equalize, feature_noise, kernel_noise, measure
from keras_lisr.export.fold import fold, rescale_model
from keras_lisr.graph.calls import calls, kind
from keras_lisr.zoo import edsr_baseline

PATCHES = [picture(24, 24, 3, phase=phase) for phase in range(8)]


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(0)
    return edsr_baseline(2, ggas=True, num_filters=8, num_blocks=2)


def error(one, other) -> float:
    """Mean square of the difference between two models' outputs."""
    results = [np.asarray(model(np.stack(PATCHES))) for model in (one, other)]
    return float(np.square(results[0] - results[1]).mean())


def round_output(model: keras.Model, name: str, low: float, high: float) -> keras.Model:
    """The network with one tensor rounded as an integer file rounds it."""
    step = (high - low) / 255

    def call(layer, *args, **kwargs):
        outputs = layer(*args, **kwargs)
        return keras.ops.round((outputs - low) / step) * step + low if layer.name == name else outputs

    rounded = keras.models.clone_model(model, call_function=call)
    rounded.set_weights(model.get_weights())
    return rounded


def statistics_of(model: keras.Model, name: str) -> tuple[Statistics, Statistics]:
    """The statistics of the channels that a layer takes and returns."""
    statistics = measure(model, PATCHES)
    (call,) = (call for call in calls(model) if call.operation.name == name)
    return statistics[id(call.inputs[0])], statistics[id(call.outputs[0])]


@pytest.mark.parametrize("name", ["shallow", "block_1", "block_2_conv_2", "trunk", "upsample_1"])
def test_it_is_the_noise_that_rounding_a_tensor_adds(name, model):
    _, known = statistics_of(model, name)
    expected = float(feature_noise(np.ones_like(known.gain), known.low, known.high, known.gain))
    rounded = round_output(model, name, float(known.low.min()), float(known.high.max()))
    assert error(rounded, model) == pytest.approx(expected, rel=0.3)


@pytest.mark.parametrize("name", ["shallow", "block_1_conv_1", "trunk_conv"])
def test_it_is_the_noise_that_rounding_a_kernel_adds(name, model):
    # One rounding is but one case of those that are meant: an average over random ones of their size.
    weights, biases = model.get_layer(name).get_weights()
    entering, leaving = statistics_of(model, name)
    ones = np.ones_like(entering.gain)
    expected = float(kernel_noise(ones, np.abs(weights).max((0, 1)), 9 * entering.power, leaving.gain))
    steps = np.abs(weights).max((0, 1, 2)) / 127
    random, found = np.random.default_rng(0), []
    changed = keras.models.clone_model(model)
    changed.set_weights(model.get_weights())
    for _ in range(16):
        changed.get_layer(name).set_weights([weights + random.uniform(-0.5, 0.5, weights.shape) * steps, biases])
        found.append(error(changed, model))
    # A wrong weight is wrong at every pixel, and the gain is that of errors which have nothing to do with one another.
    assert 1 / 3 < np.mean(found) / expected < 3


def unbalance(model: keras.Model) -> keras.Model:
    """An equal network whose channels are of very different widths."""
    random = np.random.default_rng(0)
    return rescale_model(model, solve(model), dict(enumerate(random.lognormal(0, 1.5, 100_000))))


def noise(model: keras.Model) -> float:
    """The noise that rounding all features adds."""
    statistics = measure(model, PATCHES[:3])
    tensors = [tensor for call in calls(model) if kind(call.operation) not in MOVES for tensor in call.outputs]
    known = (statistics[id(tensor)] for tensor in tensors)
    return sum(float(feature_noise(np.ones_like(gain), low, high, gain)) for low, high, _, gain in known)


@some_architectures("fsrcnn", "imdn")
def test_an_equalized_network_is_equal(architecture):
    keras.utils.set_random_seed(0)
    strategies = {name: True for name in ("ggas", "cwss") if name in architecture.strategies}
    model = fold(architecture.build_tiny(2, **strategies))
    image = picture(1, 18, 21, 3, phase=9)
    expected = np.asarray(model(image))
    equalized = np.asarray(equalize(model, PATCHES[:3])(image))
    np.testing.assert_allclose(equalized, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_what_was_unbalanced_is_as_good_as_what_was_not():
    keras.utils.set_random_seed(0)
    model = edsr_baseline(2, ggas=True, num_filters=8, num_blocks=1)
    folded = fold(model)
    balanced, restored = noise(equalize(folded, PATCHES[:3])), noise(equalize(unbalance(folded), PATCHES[:3]))
    assert noise(unbalance(folded)) > 4 * noise(folded)
    assert restored == pytest.approx(balanced, rel=0.1)
    assert balanced < noise(folded)
