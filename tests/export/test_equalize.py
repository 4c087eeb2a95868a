import keras
import numpy as np
import pytest
from architectures import each_architecture
from reference import picture

from keras_lisr.export.channel_scales import solve
from keras_lisr.export.equalize import equalize
from keras_lisr.export.fold import fold, rescaled
from keras_lisr.export.quantization_report import quantization_report
from keras_lisr.zoo import edsr_baseline

PATCHES = [picture(24, 20, 3, phase=phase) for phase in range(3)]


def unbalanced(model: keras.Model) -> keras.Model:
    """An equal network whose channels are of very different widths."""
    random = np.random.default_rng(0)
    sizes = random.lognormal(0, 1.5, 100_000)
    return rescaled(model, solve(model), sizes=lambda root: sizes[root])


@each_architecture
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
    model = edsr_baseline(2, ggas=True, num_filters=8, num_blocks=3)
    balanced, restored = (
        quantization_report(equalize(start, PATCHES), PATCHES) for start in (fold(model), unbalanced(fold(model)))
    )
    worse = quantization_report(unbalanced(fold(model)), PATCHES)
    assert worse.noise > 4 * quantization_report(fold(model), PATCHES).noise
    assert restored.noise == pytest.approx(balanced.noise, rel=0.1)
    assert balanced.noise < quantization_report(fold(model), PATCHES).noise


def test_the_model_itself_stays_as_it_is():
    model = fold(edsr_baseline(2, num_filters=8, num_blocks=1))
    before = [np.array(weight) for weight in model.get_weights()]
    equalize(model, PATCHES)
    for mine, yours in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, yours)
