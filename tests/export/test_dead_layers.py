import keras
import numpy as np
import pytest
from reference import picture, to_numpy

from keras_lisr import zoo
from keras_lisr.export import write_litert
from keras_lisr.export.dead_layers import bound_dead_layers
from keras_lisr.export.litert_graph import litert_graph
from keras_lisr.litert import LiteRTNetwork

PICTURES = [np.rint(255 * picture(72, 90, 3, phase=phase)).astype(np.uint8) for phase in range(3)]


def silence(layer: keras.layers.Layer) -> None:
    """Lets a convolution with a ReLU return nothing but 0."""
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel, bias - 10])


def dead_block() -> keras.Model:
    model = zoo.edsr_baseline(2, num_filters=8, num_blocks=2)
    silence(model.get_layer("block_1_conv_1"))
    return model


def dead_gate() -> keras.Model:
    model = zoo.imdn(2, num_filters=16, num_blocks=1)
    silence(model.get_layer("block_1_attention").squeeze)
    return model


def gate_with_a_bias_near_0() -> keras.Model:
    """As fine-tuning makes of a dead gate."""
    model = dead_gate()
    excite = model.get_layer("block_1_attention").excite
    kernel, bias = excite.get_weights()
    excite.set_weights([kernel, np.full_like(bias, 1e-6)])
    return model


@pytest.mark.usefixtures("quick_int8")
@pytest.mark.parametrize("build", [dead_block, dead_gate, gate_with_a_bias_near_0])
def test_networks_with_dead_layers_become_integers(build, tmp_path):
    """XNNPACK refused them: a tensor that is always 0 had a step of 1e-8."""
    model = build()
    write_litert(model, tmp_path / "network.tflite", quantize="int8", representative=PICTURES, io="uint8")
    expected = to_numpy(model(PICTURES[0][None] / np.float32(255))).clip(0, 1) * 255
    found = LiteRTNetwork(tmp_path / "network.tflite")(PICTURES[0][None])
    assert np.sqrt(np.mean((found - expected) ** 2)) < 2


def test_only_dead_layers_are_bounded():
    network = litert_graph(dead_block(), bounded=True)
    patch = PICTURES[0][:24, :24].astype(np.float32) / 255
    before = to_numpy(network(patch[None]))
    bound_dead_layers(network, [patch])
    np.testing.assert_array_equal(to_numpy(network(patch[None])), before)
    bounded = [
        layer.name
        for layer in network.layers
        if hasattr(layer, "activation") and layer.activation.__module__ == bound_dead_layers.__module__
    ]
    assert bounded == ["block_1_conv_1", "block_1_conv_2"]  # The second has no bias yet.


class Unactivated(keras.layers.Layer):
    activation = None

    def call(self, features):
        return features * 2


def test_layers_may_have_no_activation():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, Unactivated()(inputs))
    bound_dead_layers(model, [picture(8, 8, 3)])
    np.testing.assert_array_equal(to_numpy(model(picture(1, 8, 8, 3))), 2 * picture(1, 8, 8, 3))
