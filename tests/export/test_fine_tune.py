import keras
import numpy as np
import pytest
import tensorflow as tf
from architectures import some_architectures
from reference import assert_close, picture, to_numpy

from keras_lisr import zoo
from keras_lisr.basics.export_options import ExportOptions
from keras_lisr.export import fine_tune, fold
from keras_lisr.export.fine_tune import Rounding, fine_tune_quantized, round_weight, simulate
from keras_lisr.export.litert import convert
from keras_lisr.export.litert_graph import litert_graph
from keras_lisr.exported import LiteRTNetwork

PATCHES = [picture(24, 24, 3, phase=phase) for phase in range(4)]
PICTURES = [np.rint(255 * picture(90, 80, 3, phase=phase)).astype(np.uint8) for phase in range(4)]
HELD_OUT = [picture(24, 24, 3, phase=phase + 0.5) for phase in range(4)]


def roundings(model):
    """The tensors that are rounded, by what returns them."""
    return {
        layer._inbound_nodes[-1].input_tensors[0]._keras_history.operation.name
        for layer in model.layers
        if isinstance(layer, Rounding)
    }


def observe_ranges(network):
    """The simulation of a network whose ranges were observed."""
    simulated = simulate(network)
    for patch in PATCHES:
        simulated(patch[None])
    return simulated


def noise(results, model):
    """Mean square of the difference from a network, in decibels."""
    expected = np.concatenate([to_numpy(model(patch[None], training=False)) for patch in HELD_OUT]).clip(0, 1)
    return 10 * np.log10(np.mean((np.concatenate(results) - expected) ** 2))


def noise_of_file(network, model, path):
    options = ExportOptions(path, quantize="int8", representative=PICTURES)
    path.write_bytes(convert(network, options, PATCHES))
    file = LiteRTNetwork(path)
    return noise([file(patch[None]) for patch in HELD_OUT], model)


@some_architectures("fsrcnn", "imdn")
def test_what_is_observed_is_not_changed(architecture):
    keras.utils.set_random_seed(0)
    network = litert_graph(fold(architecture.build_tiny(2)))
    simulated = observe_ranges(network)
    assert_close(simulated(PATCHES[0][None]), network(PATCHES[0][None]))
    assert {id(weight) for weight in simulated.trainable_variables} == {
        id(weight) for weight in network.trainable_variables
    }


def test_features_are_rounded_where_a_file_rounds_them():
    inputs = keras.Input((None, None, 3), name="inputs")
    features = keras.layers.Conv2D(4, 3, padding="same", name="first")(inputs)
    features = keras.layers.ReLU(name="rectified")(features)
    features = keras.layers.Conv2D(8, 3, padding="same", name="second")(features)
    kept, distilled = keras.ops.split(keras.layers.LeakyReLU(name="leaky")(features), 2, axis=-1)
    features = keras.layers.Add(name="sum")([kept, distilled])
    features = keras.layers.Conv2D(12, 1, name="last")(features)
    network = litert_graph(keras.Model(inputs, keras.ops.depth_to_space(features, 2)), bounded=True)
    assert roundings(simulate(network)) == {"inputs", "rectified", "second", "leaky", "sum"}


def test_weights_have_a_step_for_each_channel_and_gradients_pass():
    weight = tf.constant([[[[1.27, 0.0, -3.0], [0.004, 0.0, 254.0]]]])
    with tf.GradientTape() as tape:
        tape.watch(weight)
        rounded = round_weight(weight, (0, 1, 2))
    np.testing.assert_allclose(rounded, [[[[1.27, 0.0, -4.0], [0.0, 0.0, 254.0]]]], atol=1e-6)
    np.testing.assert_array_equal(tape.gradient(rounded, weight), np.ones((1, 1, 2, 3)))
    assert round_weight(weight, None) is weight


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return fold(zoo.edsr_baseline(2, num_filters=8, num_blocks=2, ggas=True, cwss=True))


def test_the_simulation_is_as_noisy_as_the_file(model, tmp_path):
    network = litert_graph(model, bounded=True)
    simulated = observe_ranges(network)
    for layer in simulated.layers:
        if isinstance(layer, Rounding):
            layer.observes = False
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2D):
            layer.kernel.assign(round_weight(layer.kernel.value, (0, 1, 2)))
    found = noise([to_numpy(simulated(patch[None])) for patch in HELD_OUT], model)
    assert found == pytest.approx(
        noise_of_file(litert_graph(model, bounded=True), model, tmp_path / "file.tflite"), abs=2
    )


def test_what_was_learnt_is_less_noisy_on_other_pictures(model, tmp_path, monkeypatch):
    monkeypatch.setattr(fine_tune, "LEARNING_RATE", 1e-3)  # There is more to learn than roundings.
    network, seen = litert_graph(model, bounded=True), []
    network.trainable = False
    random = np.random.default_rng(0)
    for weight in network.variables:
        weight.assign(weight + random.normal(0, 0.01, weight.shape))
    before = noise_of_file(network, model, tmp_path / "before.tflite")
    weights = [to_numpy(weight) for weight in model.weights]
    fine_tune_quantized(network, model, PATCHES, PICTURES, 60, lambda *counts: seen.append(counts))
    assert seen == [(done, 60) for done in range(1, 61)]
    assert noise_of_file(network, model, tmp_path / "after.tflite") < before - 6
    for weight, unchanged in zip(model.weights, weights, strict=True):
        np.testing.assert_array_equal(to_numpy(weight), unchanged)
