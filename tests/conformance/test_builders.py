"""The builders' contract: their arguments, their blocks, and the strategies that they share."""

import inspect
from functools import partial

import keras
import pytest
from architectures import ARCHITECTURES, each_architecture
from reference import picture

from keras_lisr import zoo
from keras_lisr.layers import ChannelWiseScale, GlobalAttentionBlock, SpatialAttention

INPUT = picture(1, 8, 9, 3)

with_cwss = pytest.mark.parametrize(
    "architecture",
    [architecture for architecture in ARCHITECTURES if "cwss" in architecture.strategies],
    ids=lambda architecture: architecture.name,
)


def layers_of(model: keras.Model, layer_class: type) -> list[keras.Layer]:
    return [layer for layer in model.layers if isinstance(layer, layer_class)]


def blocks_of(architecture, model: keras.Model) -> list[keras.Layer]:
    return [model.get_layer(f"block_{i}") for i in range(1, architecture.tiny["num_blocks"] + 1)]


@each_architecture
def test_signature(architecture):
    parameters = inspect.signature(getattr(zoo, architecture.name)).parameters
    scale, *options = parameters.values()
    assert (scale.name, scale.default) == ("scale", 4)
    assert {option.kind for option in options} == {inspect.Parameter.KEYWORD_ONLY}
    assert all(option.default is not inspect.Parameter.empty for option in options)
    # An option that makes no sense is absent.
    assert {"ggas", "cwss"} & set(parameters) == {"ggas", "cwss"} & {"ggas", *architecture.strategies}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        *((architecture.name, {"scale": 5}) for architecture in ARCHITECTURES),
        *((architecture.name, {"ggas": "yes"}) for architecture in ARCHITECTURES),
        *((name, {"attention": "cbam"}) for name in ("imdn", "rcan", "shallow_edsr")),
        ("fsrcnn", {"head": "bicubic"}),
        ("shallow_edsr", {"placement": "blocks"}),
        ("idn", {"num_filters": 24}),
        ("imdn", {"num_filters": 18}),
        ("smfanet", {"num_filters": 9}),
    ],
)
def test_wrong_value(name, arguments):
    ((argument, value),) = arguments.items()
    with pytest.raises(ValueError, match=f"`{argument}`.*{argument}={value!r}"):
        getattr(zoo, name)(**arguments)


@each_architecture
def test_strategies_can_be_ones_own(architecture):
    model = architecture.build_tiny(ggas=partial(keras.layers.Activation, "sigmoid"))
    assert blocks_of(architecture, model)[0].input[1] is model.get_layer("global_attention").output
    if "cwss" in architecture.strategies:
        model = architecture.build_tiny(cwss=partial(ChannelWiseScale, initial_alpha=0.5))
        assert {layer.initial_alpha for layer in layers_of(model, ChannelWiseScale)} == {0.5}


@pytest.mark.parametrize("builder", [zoo.imdn, zoo.rcan, zoo.shallow_edsr])
def test_local_attention_can_be_ones_own(builder):
    model = builder(attention=partial(SpatialAttention, kernel_size=3), num_filters=4, num_blocks=1)
    assert {layer.kernel_size for layer in layers_of(model, SpatialAttention)} == {3}


@each_architecture
def test_blocks_are_where_analysis_finds_them(architecture):
    """The i-th block's output is always the layer `block_i`, with GGAS the product with the one map."""
    for ggas in (False, True):
        model = architecture.build_tiny(ggas=ggas)
        blocks = blocks_of(architecture, model)
        assert {type(block) for block in blocks} == {keras.layers.Multiply if ggas else keras.layers.Identity}
        assert f"block_{len(blocks) + 1}" not in [layer.name for layer in model.layers]
        order = [model.layers.index(block) for block in blocks]
        assert order == sorted(order)
    [attention_block] = layers_of(model, GlobalAttentionBlock)
    assert attention_block.name == "global_attention"
    for block in blocks:
        features, attention_map = block.input
        assert attention_map is attention_block.output
        assert features is not attention_map
        assert features.shape == attention_map.shape


@each_architecture
def test_attention_map_is_made_of_the_shallow_features(architecture):
    """F_0 of Eq. 1: what the first block sees, and nothing of the blocks."""
    model = architecture.build_tiny(ggas=True)
    shallow = layers_of(model, GlobalAttentionBlock)[0].input
    before = keras.Model(model.input, shallow)
    assert not [layer for layer in before.layers if layer.name.startswith("block_")]
    after = [operation for operation in model.operations if operation not in before.operations]
    assert shallow in [tensor for operation in after for tensor in operation._inbound_nodes[0].input_tensors]


@with_cwss
def test_scaled_input_feeds_identity_and_residual(architecture):
    """Eq. 8: what the alphas scale is used twice, and what they scale is used nowhere else."""
    model = architecture.build_tiny(cwss=True)
    nodes = [node for operation in model.operations for node in operation._inbound_nodes]
    for scale in layers_of(model, ChannelWiseScale):
        for node in scale._inbound_nodes:
            users = [user for user in nodes if any(tensor is node.outputs[0] for tensor in user.input_tensors)]
            assert len(users) == 2
