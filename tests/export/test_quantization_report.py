import math

import keras
import numpy as np
import pytest
from reference import picture

from keras_lisr.export.equalize import equalize
from keras_lisr.export.fold import fold
from keras_lisr.export.quantization_report import quantization_report
from keras_lisr.graph.cast import in_precision
from keras_lisr.zoo import edsr_baseline

PATCHES = [picture(16, 16, 3, phase=phase) for phase in range(2)]


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return fold(edsr_baseline(2, ggas=True, cwss=True, num_filters=8, num_blocks=2))


def test_the_worst_stands_first(model):
    report = quantization_report(model, PATCHES)
    noises = [loss.noise for loss in report.losses]
    assert noises == sorted(noises, reverse=True) and noises[0] > 0
    assert report.noise == pytest.approx(sum(noises))
    assert report.psnr == pytest.approx(-10 * math.log10(report.noise))
    names = {loss.name for loss in report.losses}
    assert {"shallow", "block_1", "global_attention", "trunk", "shallow/kernel"} <= names


def test_a_wide_channel_is_found(model):
    """What makes one channel a thousand times as wide makes the tensor the worst."""
    wide = keras.models.clone_model(model)
    wide.set_weights(model.get_weights())
    kernel, bias = wide.get_layer("block_2_conv_2").get_weights()
    kernel[..., 3] *= 1000
    wide.get_layer("block_2_conv_2").set_weights([kernel, bias])
    before, after = (
        {loss.name: loss for loss in quantization_report(network, PATCHES).losses} for network in (model, wide)
    )
    assert after["block_2_conv_2"].noise > 100 * before["block_2_conv_2"].noise
    assert after["block_2_conv_2"].narrowest < 0.01 < before["block_2_conv_2"].narrowest


def test_it_reads_as_a_table(model):
    lines = str(quantization_report(model, PATCHES)).splitlines()
    assert lines[0].endswith("It is lost in") and " dB expected " in lines[0]
    assert len(lines) == 2 + 2 + 10
    assert len({line.count("|") for line in lines[2:]}) == 1


def test_ranges_are_those_of_the_pictures(model):
    losses = {loss.name: loss for loss in quantization_report(model, PATCHES).losses}
    values = np.asarray(keras.Model(model.input, model.get_layer("trunk").output)(np.stack(PATCHES)))
    assert losses["trunk"].low == pytest.approx(values.min(), rel=1e-5)
    assert losses["trunk"].high == pytest.approx(values.max(), rel=1e-5)


def test_a_network_in_bfloat16_is_judged_in_float32(model):
    found, expected = (
        quantization_report(equalize(each, PATCHES), PATCHES) for each in (in_precision(model, "bfloat16"), model)
    )
    assert found.psnr == pytest.approx(expected.psnr, abs=0.01)


def test_a_network_that_returns_nothing_loses_nothing():
    inputs = keras.Input((None, None, 3))
    report = quantization_report(
        keras.Model(inputs, keras.layers.Conv2D(3, 1, kernel_initializer="zeros")(inputs)), PATCHES
    )
    assert report.psnr == math.inf and "0.0% |" in str(report)
