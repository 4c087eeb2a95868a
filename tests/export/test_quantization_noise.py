import keras
import numpy as np
import pytest
from reference import picture

from keras_lisr.export.quantization_noise import (
    Features,
    Statistics,
    features_of,
    is_rounded,
    kernels_of,
    measure,
)
from keras_lisr.graph.calls import calls
from keras_lisr.zoo import edsr_baseline, imdn

PATCHES = [picture(24, 24, 3, phase=phase) for phase in range(8)]


def trained() -> keras.Model:
    keras.utils.set_random_seed(0)
    return edsr_baseline(2, ggas=True, num_filters=8, num_blocks=2)


def error(one, other) -> float:
    """Mean square of the difference between two models' outputs."""
    results = [np.asarray(model(np.stack(PATCHES))) for model in (one, other)]
    return float(np.square(results[0] - results[1]).mean())


def with_rounded(model: keras.Model, name: str, low: float, high: float) -> keras.Model:
    """The network with one tensor rounded as an integer file rounds it."""
    step = (high - low) / 255

    def call(layer, *args, **kwargs):
        outputs = layer(*args, **kwargs)
        return keras.ops.round((outputs - low) / step) * step + low if layer.name == name else outputs

    rounded = keras.models.clone_model(model, call_function=call)
    rounded.set_weights(model.get_weights())
    return rounded


def noise_of(model: keras.Model, name: str) -> tuple[float, Statistics]:
    """What rounding a tensor is said to cost, and what is known of its channels."""
    features = features_of(list(calls(model)), measure(model, PATCHES))
    index = features.names.index(name)
    noises = np.asarray(features.noise(np.ones_like(features.channels.gain)))
    return float(noises[index]), Statistics(*(of[features.tensors == index] for of in features.channels))


@pytest.mark.parametrize("name", ["shallow", "block_1", "block_2_conv_2", "trunk", "upsample_1"])
def test_it_is_the_noise_that_rounding_a_tensor_adds(name):
    model = trained()
    expected, known = noise_of(model, name)
    rounded = with_rounded(model, name, float(known.low.min()), float(known.high.max()))
    assert error(rounded, model) == pytest.approx(expected, rel=0.3)


@pytest.mark.parametrize("name", ["shallow", "block_1_conv_1", "trunk_conv"])
def test_it_is_the_noise_that_rounding_a_kernel_adds(name):
    model = trained()
    kernels = kernels_of(list(calls(model)), measure(model, PATCHES))
    expected = float(np.asarray(kernels.noise(np.ones_like(kernels.power)))[kernels.names.index(name)])
    # One rounding is but one case of those that are meant: an average over random ones of their size.
    weights, biases = model.get_layer(name).get_weights()
    steps = np.abs(weights).max((0, 1, 2)) / 127
    random, found = np.random.default_rng(0), []
    for _ in range(16):
        changed = keras.models.clone_model(model)
        changed.set_weights(model.get_weights())
        changed.get_layer(name).set_weights([weights + random.uniform(-0.5, 0.5, weights.shape) * steps, biases])
        found.append(error(changed, model))
    # A wrong weight is wrong at every pixel, and the gain is that of errors which have nothing to do with one another.
    assert 1 / 3 < np.mean(found) / expected < 3


def test_scales_make_wide_and_narrow_channels_of_one_width():
    ones = np.ones(3, np.float32)
    low, high = np.array([-1, -0.1, 0], np.float32), np.array([2, 0.2, 1], np.float32)
    features = Features(["first", "second"], np.array([0, 0, 1]), Statistics(low, high, ones, ones))
    step = 3 / 255
    np.testing.assert_allclose(features.noise(ones), [2 * step**2 / 12, (1 / 255) ** 2 / 12], rtol=1e-5)
    scaled = features.noise(np.array([1, 0.1, 4], np.float32))
    np.testing.assert_allclose(scaled, [1.01 * step**2 / 12, (1 / 255) ** 2 / 12], rtol=1e-5)


def test_what_only_moves_is_not_rounded_again():
    rounded = {call.operation.name for call in calls(imdn(2, num_filters=16, num_blocks=1)) if is_rounded(call)}
    assert "shallow" in rounded and "fusion" in rounded and "super_resolved" not in rounded
    assert not any(name.startswith(("split", "depth_to_space", "low_resolution")) for name in rounded)
