import keras
import numpy as np

from keras_lisr.zoo import memnet


def test_recursions_share_convolutions_and_normalization():
    model = memnet(num_filters=4, num_blocks=2, num_recursions=3)
    for i in (1, 2):
        for unit in (1, 2):
            for part in ("normalization", "conv"):
                assert len(model.get_layer(f"block_{i}_unit_{unit}_{part}")._inbound_nodes) == 3


def test_gate_sees_short_and_long_term_memory():
    model = memnet(num_filters=4, num_blocks=3, num_recursions=2)
    for i in (1, 2, 3):
        memory = model.get_layer(f"block_{i}_memory").input
        assert len(memory) == 2 + i
        assert memory[2] is model.get_layer("shallow").output
        assert all(kept is model.get_layer(f"block_{j}").output for j, kept in enumerate(memory[3:], start=1))


def test_moving_statistics():
    """4,416 channels are normalized: 2 x 64 in each block's unit and 64 for each member of each gate's memory."""
    model = memnet()
    assert sum(int(np.prod(weight.shape)) for weight in model.non_trainable_weights) == 8_832
    normalizations = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {(layer.momentum, layer.epsilon) for layer in normalizations} == {(0.9, 1e-5)}
