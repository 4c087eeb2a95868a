"""The gradient as matrix products is the gradient."""

from functools import partial

import keras
import numpy as np
import pytest
from reference import picture, to_numpy, wave

from keras_lisr.training import kernel_gradient as module
from keras_lisr.training.kernel_gradient import compute_kernel_gradient, convolve, speed_up_kernel_gradients
from keras_lisr.zoo import edsr_baseline, fsrcnn, idn, imdn

tf = pytest.importorskip("tensorflow")


@pytest.mark.parametrize("size", [(7, 9), (1, 1), (2, 5)])
@pytest.mark.parametrize(("channels", "filters"), [(3, 5), (4, 4), (6, 2)])
def test_kernel_gradient_is_tensorflows(size, channels, filters):
    images, upstream = wave(2, *size, channels), wave(2, *size, filters, phase=1)
    shape = (3, 3, channels, filters)
    expected = tf.compat.v1.nn.conv2d_backprop_filter(images, shape, upstream, [1, 1, 1, 1], "SAME")
    actual = compute_kernel_gradient(tf.constant(images), tf.constant(upstream))
    np.testing.assert_allclose(actual, expected, atol=1e-4)


@pytest.fixture
def processor(monkeypatch):
    """Sets the instructions of the processor."""
    return lambda *names: monkeypatch.setattr(module, "processor_has", names.__contains__)


def find_changed(model):
    return [layer.name for layer in model._flatten_layers() if vars(layer).get("convolution_op") is convolve]


@pytest.mark.parametrize("build", [idn, partial(imdn, attention=None, num_blocks=1), fsrcnn])
def test_wide_convolutions_are_sped_up_and_no_others(processor, build):
    processor("avx2")
    model = build(2, ggas=True)
    speed_up_kernel_gradients(model)
    assert find_changed(model) == [
        layer.name
        for layer in model.layers
        if isinstance(layer, keras.layers.Conv2D) and layer.kernel_size == (3, 3) and layer.input.shape[-1] >= 32
    ]


@pytest.mark.parametrize("instructions", [(), ("avx2", "avx512f")])
def test_other_processors_are_left_alone(processor, instructions):
    processor(*instructions)
    model = edsr_baseline(2, num_blocks=1)
    speed_up_kernel_gradients(model)
    assert not find_changed(model)


def test_training_and_saving_are_those_of_the_plain_network(processor, tmp_path):
    processor("avx2")
    models = [edsr_baseline(2, ggas=True, cwss=True, num_filters=32, num_blocks=2) for _ in range(2)]
    models[1].set_weights(models[0].get_weights())
    speed_up_kernel_gradients(models[1])
    assert len(find_changed(models[1])) == 7
    for model in models:
        model.compile(keras.optimizers.SGD(0.1), "mae", jit_compile=False)
        model.fit(picture(4, 8, 8, 3), picture(4, 16, 16, 3), epochs=5, verbose=0)
    for plain, fast in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_allclose(fast, plain, atol=1e-5)
    models[1].save(tmp_path / "fast.keras")
    again = keras.models.load_model(tmp_path / "fast.keras")
    assert not find_changed(again)
    for saved, kept in zip(again.weights, models[1].weights, strict=True):
        np.testing.assert_array_equal(to_numpy(saved), to_numpy(kept))
