import keras
import numpy as np
import pytest
from architectures import some_architectures
from reference import picture

from keras_lisr.export.channel_scales import solve
from keras_lisr.export.equalize import equalize
from keras_lisr.export.fold import fold, rescale_model
from keras_lisr.export.quantization_noise import feature_noise, is_rounded, measure
from keras_lisr.graph.calls import calls
from keras_lisr.zoo import edsr_baseline

PATCHES = [picture(24, 20, 3, phase=phase) for phase in range(3)]


def unbalance(model: keras.Model) -> keras.Model:
    """An equal network whose channels are of very different widths."""
    random = np.random.default_rng(0)
    return rescale_model(model, solve(model), dict(enumerate(random.lognormal(0, 1.5, 100_000))))


def noise(model: keras.Model) -> float:
    """What rounding all features costs."""
    statistics = measure(model, PATCHES)
    tensors = [tensor for call in calls(model) if is_rounded(call) for tensor in call.outputs]
    known = (statistics[id(tensor)] for tensor in tensors)
    return sum(float(feature_noise(np.ones_like(gain), low, high, gain)) for low, high, _, gain in known)


@some_architectures("fsrcnn", "imdn")
def test_an_equalized_network_is_equal(architecture):
    keras.utils.set_random_seed(0)
    strategies = {name: True for name in ("ggas", "cwss") if name in architecture.strategies}
    model = fold(architecture.build_tiny(2, **strategies))
    image = picture(1, 18, 21, 3, phase=9)
    expected = np.asarray(model(image))
    equalized = np.asarray(equalize(model, PATCHES)(image))
    np.testing.assert_allclose(equalized, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_what_was_unbalanced_is_as_good_as_what_was_not():
    keras.utils.set_random_seed(0)
    model = edsr_baseline(2, ggas=True, num_filters=8, num_blocks=1)
    folded = fold(model)
    balanced, restored = noise(equalize(folded, PATCHES)), noise(equalize(unbalance(folded), PATCHES))
    assert noise(unbalance(folded)) > 4 * noise(folded)
    assert restored == pytest.approx(balanced, rel=0.1)
    assert balanced < noise(folded)
