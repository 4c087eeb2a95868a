"""Every network has the trainable parameters that architectures of this name have, and that the paper counts."""

import functools
import inspect
import math

import keras
import pytest
from architectures import ARCHITECTURES, STRATEGIES, each_architecture

from keras_lisr import zoo
from keras_lisr.layers import ChannelWiseScale, GlobalAttentionBlock

cases = [
    pytest.param(
        architecture,
        scale,
        strategy,
        id=f"{architecture.name}-x{scale}-{strategy}",
        marks=[pytest.mark.slow] if architecture.name == "rcan" and scale != 4 else [],
    )
    for architecture in ARCHITECTURES
    for scale in architecture.parameters
    for strategy in architecture.strategies
]


def trainable(layer: keras.Layer) -> int:
    return sum(math.prod(weight.shape) for weight in layer.trainable_weights)


def folded(block: GlobalAttentionBlock) -> int:
    """What is left of the block when its batch normalization has gone into the depthwise convolution (Eq. 6)."""
    return trainable(block) - trainable(block.normalization)


@pytest.mark.parametrize(("architecture", "scale", "strategy"), cases)
def test_exact(architecture, scale, strategy):
    model = architecture.build(scale, **STRATEGIES[strategy])
    expected = architecture.parameters[scale]
    blocks = [layer for layer in model.layers if isinstance(layer, GlobalAttentionBlock)]
    total = trainable(model)
    without_normalization = total - sum(trainable(block) - folded(block) for block in blocks)
    match strategy:
        case "plain":
            assert total == expected.plain
        case "ggas":
            assert total == expected.ggas
            assert without_normalization == expected.ggas_folded
        case "cwss":
            assert total == expected.cwss
        case "both":
            assert total == expected.both_folded + 2 * architecture.guided_filters
            assert without_normalization == expected.both_folded
    assert len(blocks) == (strategy in ("ggas", "both"))
    scales = [layer for layer in model.layers if isinstance(layer, ChannelWiseScale)]
    assert bool(scales) == (strategy in ("cwss", "both"))
    # Nothing but these is added.
    assert total - sum(map(trainable, blocks + scales)) == expected.plain


@functools.cache
def attention_block(channels: int) -> GlobalAttentionBlock:
    block = GlobalAttentionBlock()
    block.build((None, None, None, channels))
    return block


@each_architecture
def test_table_agrees_with_equations(architecture):
    block = attention_block(architecture.guided_filters)
    for row in architecture.parameters.values():
        assert row.ggas - row.plain == trainable(block)
        assert row.ggas_folded - row.plain == folded(block)
        if "cwss" in architecture.strategies:
            assert row.both_folded - row.ggas_folded == row.cwss - row.plain
            assert (row.cwss - row.plain) % architecture.guided_filters == 0


@pytest.mark.parametrize(
    ("architecture", "strategy"),
    [
        pytest.param(
            architecture,
            strategy,
            id=f"{architecture.name}-{strategy}",
            marks=[pytest.mark.xfail(reason=architecture.unmet[strategy], strict=True)]
            if strategy in architecture.unmet
            else [],
        )
        for architecture in ARCHITECTURES
        for strategy in architecture.printed
    ],
)
def test_printed_in_the_paper(architecture, strategy):
    """Tables 1 and 2 round the network without strategies, and print GGAS as that plus 7K and CWSS as that plus 0K."""
    counts, printed = architecture.parameters[4], architecture.printed
    block = folded(attention_block(architecture.guided_filters))
    if strategy == "plain":
        assert round(counts.plain / 1000) == printed["plain"]
    else:
        added = block if strategy in ("ggas", "both") else 0
        assert printed[strategy] - printed["plain"] == round(added / 1000)


@each_architecture
def test_number_of_blocks(architecture):
    default = inspect.signature(getattr(zoo, architecture.name)).parameters["num_blocks"].default
    assert default == architecture.num_blocks


def test_every_builder_has_a_row():
    builders = inspect.getmembers(zoo, inspect.isfunction)
    named = [name for name, builder in builders if "scale" in inspect.signature(builder).parameters]
    assert sorted(architecture.name for architecture in ARCHITECTURES) == named
