"""What the builders promise about their arguments, and about the strategies that they share."""

import functools
import inspect
import re

import keras
import numpy as np
import pytest
from architectures import ARCHITECTURES, STRATEGIES, each_architecture
from reference import assert_close, assign_waves, picture, to_numpy

from keras_lisr import zoo
from keras_lisr.layers import ChannelWiseScale, GlobalAttentionBlock, SpatialAttention

INPUT = picture(1, 8, 9, 3)

HOUSE_SHAPE = re.compile(r"`(\w+)` must .+\. Received: \1=.+")

with_cwss = pytest.mark.parametrize(
    "architecture",
    [architecture for architecture in ARCHITECTURES if "cwss" in architecture.strategies],
    ids=lambda architecture: architecture.name,
)


def layers_of(model: keras.Model, layer_class: type) -> list[keras.Layer]:
    return [layer for layer in model.layers if isinstance(layer, layer_class)]


def assign_same(target: keras.Model, source: keras.Model) -> None:
    """Copies the weights of all layers of `source`, by name; `target` may have more layers."""
    for layer in source.layers:
        if layer.weights:
            target.get_layer(layer.name).set_weights(layer.get_weights())


@each_architecture
def test_signature(architecture):
    scale, *options = inspect.signature(getattr(zoo, architecture.name)).parameters.values()
    assert (scale.name, scale.default) == ("scale", 4)
    assert {option.kind for option in options} == {inspect.Parameter.KEYWORD_ONLY}
    assert all(option.default is not inspect.Parameter.empty for option in options)


@each_architecture
def test_typo(architecture):
    with pytest.raises(TypeError, match="ggass"):
        architecture.build_tiny(ggass=True)


@pytest.mark.parametrize("builder", [zoo.fsrcnn, zoo.smfanet])
def test_option_that_makes_no_sense(builder):
    with pytest.raises(TypeError, match="cwss"):
        builder(cwss=True)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        *((architecture.name, {"scale": scale}) for architecture in ARCHITECTURES for scale in (1, 5, "4", None)),
        *((name, {"attention": attention}) for name in ("imdn", "rcan", "shallow_edsr") for attention in ("cbam", "")),
        ("fsrcnn", {"head": "bicubic"}),
        ("shallow_edsr", {"attention": "ca", "placement": "blocks"}),
        ("idn", {"num_filters": 24}),
        ("imdn", {"num_filters": 18}),
        ("smfanet", {"num_filters": 9}),
    ],
)
def test_wrong_value(name, arguments):
    with pytest.raises(ValueError) as error:
        getattr(zoo, name)(**arguments)
    assert HOUSE_SHAPE.fullmatch(str(error.value))
    argument, value = list(arguments.items())[-1]
    assert str(error.value).endswith(f" Received: {argument}={value!r}")


@each_architecture
def test_factory_of_attention_map(architecture):
    model = architecture.build_tiny(ggas=functools.partial(GlobalAttentionBlock, kernel_size=5))
    [block] = layers_of(model, GlobalAttentionBlock)
    assert block.kernel_size == 5


@each_architecture
def test_any_layer_can_make_the_attention_map(architecture):
    model = architecture.build_tiny(ggas=functools.partial(keras.layers.Activation, "sigmoid"))
    assert model.get_layer("block_1").input[1] is model.get_layer("global_attention").output


@with_cwss
def test_factory_of_scale(architecture):
    model = architecture.build_tiny(cwss=functools.partial(ChannelWiseScale, initial_alpha=0.5))
    assert {layer.initial_alpha for layer in layers_of(model, ChannelWiseScale)} == {0.5}


@pytest.mark.parametrize("builder", [zoo.imdn, zoo.rcan, zoo.shallow_edsr])
def test_factory_of_local_attention(builder):
    model = builder(attention=functools.partial(SpatialAttention, kernel_size=3), num_filters=4, num_blocks=1)
    assert {layer.kernel_size for layer in layers_of(model, SpatialAttention)} == {3}


@with_cwss
def test_alphas_at_one_change_nothing(architecture):
    plain = architecture.build_tiny()
    scaled = architecture.build_tiny(cwss=functools.partial(ChannelWiseScale, initial_alpha=1.0))
    assign_waves(plain)
    assign_same(scaled, plain)
    assert_close(scaled(INPUT, training=False), plain(INPUT, training=False), atol=1e-6)


@with_cwss
def test_alphas_matter(architecture):
    plain, scaled = architecture.build_tiny(), architecture.build_tiny(cwss=True)
    assign_waves(plain)
    assign_same(scaled, plain)
    difference = to_numpy(scaled(INPUT, training=False)) - to_numpy(plain(INPUT, training=False))
    assert np.abs(difference).max() > 1e-3


@each_architecture
def test_attention_map_of_ones_changes_nothing(architecture):
    plain = architecture.build_tiny()
    # The sigmoid of 100 is 1 in float32.
    guided = architecture.build_tiny(ggas=functools.partial(GlobalAttentionBlock, initial_bias=100.0))
    assign_waves(plain)
    assign_same(guided, plain)
    assert_close(guided(INPUT, training=False), plain(INPUT, training=False), atol=1e-6)


@each_architecture
def test_attention_map_multiplies_every_block(architecture):
    """With a map of zeros nothing of the blocks is left."""
    guided = architecture.build_tiny(ggas=functools.partial(GlobalAttentionBlock, initial_bias=-200.0))
    blocks = [guided.get_layer(f"block_{i}").output for i in range(1, architecture.tiny["num_blocks"] + 1)]
    outputs = keras.Model(guided.input, blocks)(INPUT, training=False)
    assert all((to_numpy(output) == 0).all() for output in outputs)


@each_architecture
def test_attention_map_is_made_of_the_shallow_features(architecture):
    """F_0 of Eq. 1: what the first block sees, and nothing of the blocks."""
    model = architecture.build_tiny(ggas=True)
    shallow = layers_of(model, GlobalAttentionBlock)[0].input
    before = keras.Model(model.input, shallow)
    assert not [layer for layer in before.layers if layer.name.startswith("block_")]
    after = [operation for operation in model.operations if operation not in before.operations]
    assert shallow in [tensor for operation in after for tensor in operation._inbound_nodes[0].input_tensors]


def test_fsrcnn_is_guided_where_it_is_shrunk():
    assert zoo.fsrcnn(ggas=True).get_layer("global_attention").output.shape[-1] == 12


@pytest.mark.parametrize(
    ("name", "vectors"),
    [("edsr_baseline", 16), ("carn", 9), ("imdn", 6), ("idn", 4), ("memnet", 6), ("shallow_edsr", 8)],
)
def test_number_of_alphas(name, vectors):
    """One vector of alphas for each residual connection; the recursions of MemNet share theirs."""
    scales = layers_of(getattr(zoo, name)(cwss=True), ChannelWiseScale)
    assert [tuple(scale.alpha.shape) for scale in scales] == [(64,)] * vectors


def test_recursions_share_alphas():
    model = zoo.memnet(cwss=True, num_filters=4, num_blocks=2, num_recursions=3)
    assert [len(scale._inbound_nodes) for scale in layers_of(model, ChannelWiseScale)] == [3, 3]


def test_rcan_scales_groups_and_blocks():
    scales = layers_of(zoo.rcan(cwss=True, num_filters=16, num_blocks=2, num_residual_blocks=3), ChannelWiseScale)
    assert len(scales) == 2 * (1 + 3)


@with_cwss
def test_scaled_input_feeds_identity_and_residual(architecture):
    """Eq. 8: what the alphas scale is used twice, and what they scale is used nowhere else."""
    model = architecture.build_tiny(**STRATEGIES["cwss"])
    nodes = [node for operation in model.operations for node in operation._inbound_nodes]
    for scale in layers_of(model, ChannelWiseScale):
        for node in scale._inbound_nodes:
            users = [user for user in nodes if any(tensor is node.outputs[0] for tensor in user.input_tensors)]
            assert len(users) == 2
