"""The i-th block's output is always the layer `block_i`, where analysis finds it."""

import keras
import pytest
from architectures import each_architecture

from keras_lisr.layers import GlobalAttentionBlock


@pytest.mark.parametrize("ggas", [False, True])
@each_architecture
def test_blocks(architecture, ggas):
    num_blocks = architecture.tiny["num_blocks"]
    model = architecture.build_tiny(ggas=ggas)
    blocks = [model.get_layer(f"block_{i}") for i in range(1, num_blocks + 1)]
    assert {type(block) for block in blocks} == {keras.layers.Multiply if ggas else keras.layers.Identity}
    assert f"block_{num_blocks + 1}" not in [layer.name for layer in model.layers]
    # Each block feeds the next.
    order = [model.layers.index(block) for block in blocks]
    assert order == sorted(order)


@each_architecture
def test_one_map_guides_all_blocks(architecture):
    model = architecture.build_tiny(ggas=True)
    [attention_block] = [layer for layer in model.layers if isinstance(layer, GlobalAttentionBlock)]
    assert attention_block.name == "global_attention"
    for i in range(1, architecture.tiny["num_blocks"] + 1):
        features, attention_map = model.get_layer(f"block_{i}").input
        assert attention_map is attention_block.output
        assert features is not attention_map
        assert features.shape == attention_map.shape


@each_architecture
def test_no_duplicate_names(architecture):
    strategies = {strategy: True for strategy in ("ggas", "cwss") if strategy in architecture.strategies}
    names = [layer.name for layer in architecture.build_tiny(**strategies).layers]
    assert len(names) == len(set(names))
