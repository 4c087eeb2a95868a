"""Every network has the trainable parameters that architectures of this name have, and that the paper counts."""

import inspect
import math

import keras
import pytest
from architectures import ARCHITECTURES, STRATEGIES

from keras_lisr import zoo
from keras_lisr.layers import ChannelWiseScale, GlobalAttentionBlock

cases = [
    pytest.param(
        architecture,
        scale,
        strategy,
        id=f"{architecture.name}-x{scale}-{strategy}",
        marks=[]
        if architecture.name != "rcan" and (scale == 4 or strategy in ("plain", architecture.strategies[-1]))
        else [pytest.mark.slow],
    )
    for architecture in ARCHITECTURES
    for scale in architecture.parameters
    for strategy in architecture.strategies
]


def trainable(layer: keras.Layer) -> int:
    return sum(math.prod(weight.shape) for weight in layer.trainable_weights)


@pytest.mark.parametrize(("architecture", "scale", "strategy"), cases)
def test_exact(architecture, scale, strategy):
    model = architecture.build(scale, **STRATEGIES[strategy])
    row = architecture.parameters[scale]
    blocks = [layer for layer in model.layers if isinstance(layer, GlobalAttentionBlock)]
    scales = [layer for layer in model.layers if isinstance(layer, ChannelWiseScale)]
    assert len(blocks) == (strategy in ("ggas", "both"))
    assert bool(scales) == (strategy in ("cwss", "both"))
    total, normalization = trainable(model), sum(trainable(block.normalization) for block in blocks)
    if strategy == "both":
        assert total - normalization == row.both_folded
    else:
        assert total == getattr(row, strategy)
    if strategy == "ggas":
        assert total - normalization == row.ggas_folded
    # Nothing but these is added.
    assert total - sum(map(trainable, blocks + scales)) == row.plain


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
    if strategy == "plain":
        assert round(counts.plain / 1000) == printed["plain"]
    else:
        added = counts.ggas_folded - counts.plain if strategy in ("ggas", "both") else 0
        assert printed[strategy] - printed["plain"] == round(added / 1000)


def test_every_builder_has_a_row():
    builders = inspect.getmembers(zoo, inspect.isfunction)
    named = [name for name, builder in builders if "scale" in inspect.signature(builder).parameters]
    assert sorted(architecture.name for architecture in ARCHITECTURES) == named
