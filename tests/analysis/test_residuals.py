import keras
import numpy as np
import pytest
from architectures import ARCHITECTURES, every_layer
from reference import assign_waves, picture, to_numpy

from keras_lisr import zoo
from keras_lisr.analysis import above_reference, residual_magnitude

IMAGE = (255 * picture(16, 17, 3)).astype(np.uint8)
BLOCKS = ["block_1_sum", "block_2_sum"]
CONNECTIONS = {
    "memnet": ["block_1_sum_1", "block_1_sum_2", "block_2_sum_1", "block_2_sum_2"],
    "carn": ["block_1_1_sum", "block_1_2_sum", "block_2_1_sum", "block_2_2_sum"],
    "idn": BLOCKS,
    "edsr_baseline": BLOCKS,
    "imdn": BLOCKS,
    "rcan": BLOCKS,
    "shallow_edsr": BLOCKS,
    "smfanet": [f"block_{i}_{part}_sum" for i in (1, 2) for part in ("aggregation", "feed_forward")],
}


@every_layer
def test_every_network_has_its_residuals(architecture, options):
    """Against what each connection adds to its first input, as a network of two outputs."""
    model = architecture.build_tiny(**options)
    assign_waves(model)
    if architecture.name == "fsrcnn":
        with pytest.raises(ValueError, match="`model`"):
            residual_magnitude(model, IMAGE)
        return
    magnitudes = residual_magnitude(model, IMAGE)
    assert list(magnitudes) == CONNECTIONS[architecture.name]
    batch = IMAGE[np.newaxis].astype(np.float32) / 255
    for name, magnitude in magnitudes.items():
        layer = model.get_layer(name)
        before, after = map(to_numpy, keras.Model(model.input, [layer.input[0], layer.output])(batch, training=False))
        assert magnitude == pytest.approx(np.abs(after - before).mean(), rel=1e-4)
        assert magnitude != pytest.approx(np.abs(before).mean(), rel=1e-3)


def test_recursions_that_share_their_weights_have_residuals_of_their_own():
    [architecture] = [architecture for architecture in ARCHITECTURES if architecture.name == "memnet"]
    model = architecture.build_tiny(num_recursions=3, cwss=True)
    assign_waves(model)
    magnitudes = residual_magnitude(model, IMAGE)
    assert len(set(magnitudes.values())) == len(magnitudes) == 6


def test_nested_residuals_of_rcan():
    model = zoo.rcan(4, num_filters=16, num_blocks=2, num_residual_blocks=2)
    groups, everything = (residual_magnitude(model, IMAGE, nested=nested) for nested in (False, True))
    assert list(everything) == [
        f"block_{i}_{connection}" for i in (1, 2) for connection in ("residual_1_sum", "residual_2_sum", "sum")
    ]
    assert groups == {name: everything[name] for name in BLOCKS}


def test_eleventh_residual_block_is_not_taken_for_a_part_of_the_first():
    magnitudes = residual_magnitude(zoo.carn(4, num_filters=4, num_blocks=1, num_residual_blocks=11), IMAGE)
    assert list(magnitudes) == [f"block_1_{i}_sum" for i in range(1, 12)]


def test_above_reference():
    magnitudes = {"a": 0.3, "b": 0.31, "c": 0.1, "d": 2.0}
    assert above_reference(magnitudes, {"a": 0.3, "b": 0.2}) == ["b", "d"]
    assert above_reference(magnitudes, magnitudes) == []
