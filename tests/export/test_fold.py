from functools import partial

import keras
import numpy as np
import pytest
from architectures import ARCHITECTURES, each_architecture
from reference import assert_close, picture

from keras_lisr.export.fold import fold, folding
from keras_lisr.layers import ChannelWiseScale, GlobalAttentionBlock
from keras_lisr.zoo import edsr_baseline, from_preset, fsrcnn, imdn, shallow_edsr

IMAGE = picture(1, 18, 21, 3)


def train(model: keras.Model, negative: bool = False) -> keras.Model:
    """Gives a network statistics and alphas as after a training that went far."""
    random = np.random.default_rng(0)
    for weight in model.weights:
        if weight.path.endswith("_alpha/alpha"):
            signs = random.choice([-1, 1], weight.shape) if negative else 1
            weight.assign(random.uniform(0.3, 1.5, weight.shape) * signs)
        elif weight.name in ("gamma", "moving_variance"):
            weight.assign(random.uniform(0.5, 2, weight.shape))
        elif weight.name in ("beta", "moving_mean"):
            weight.assign(random.normal(0, 0.1, weight.shape))
        elif weight.name == "bias":
            weight.assign_add(random.normal(0, 0.1, weight.shape))
    return model


def assert_equal(folded: keras.Model, model: keras.Model) -> None:
    expected = np.asarray(model(IMAGE))
    np.testing.assert_allclose(np.asarray(folded(IMAGE)), expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def multiplications(model: keras.Model) -> int:
    return sum(isinstance(layer, ChannelWiseScale) for layer in model.layers)


EVERY_NETWORK = [
    pytest.param(architecture, {**variant, **strategy}, id=f"{architecture.name}-{name}-{'-'.join(strategy)}")
    for architecture in ARCHITECTURES
    for name, variant in {"": {}, **{str(variant): variant for variant in architecture.variants}}.items()
    for strategy in ({"ggas": True}, {"cwss": True}, {"ggas": True, "cwss": True})
    if "cwss" in architecture.strategies or "cwss" not in strategy
]


@pytest.mark.parametrize("negative", [False, True], ids=["positive", "negative"])
@pytest.mark.parametrize(("architecture", "options"), EVERY_NETWORK)
def test_a_folded_network_is_equal(architecture, options, negative):
    keras.utils.set_random_seed(0)
    model = train(architecture.build_tiny(**options), negative)
    folded, kept = folding(model)
    assert_equal(folded, model)
    assert multiplications(folded) == len(kept) <= multiplications(model)
    assert not any(isinstance(layer, GlobalAttentionBlock) for layer in folded.layers)


@pytest.mark.parametrize(
    "architecture",
    [pytest.param(row, id=row.name, marks=[pytest.mark.slow] if row.name == "rcan" else []) for row in ARCHITECTURES],
)
def test_what_remains_is_the_count_of_equation_6(architecture):
    strategies = [name for name in ("ggas", "cwss") if name in architecture.strategies]
    folded, kept = folding(architecture.build(4, **dict.fromkeys(strategies, True)))
    expected = architecture.parameters[4].ggas_folded
    if kept:  # MemNet's recursions share their weights; the trunk of the shallow EDSR is added to its own input.
        assert architecture.name in ("memnet", "shallow_edsr")
        expected += architecture.guided_filters * len(kept)
    assert sum(weight.shape.num_elements() for weight in folded.trainable_weights) == expected


def test_cwss_alone_leaves_the_plain_network():
    model = edsr_baseline(cwss=True, num_filters=8, num_blocks=3)
    folded = fold(train(model))
    plain = edsr_baseline(num_filters=8, num_blocks=3)
    assert [layer.name for layer in folded.layers] == [layer.name for layer in plain.layers]
    assert folded.count_params() == plain.count_params()


def test_the_model_itself_stays_as_it_is():
    model = train(imdn(2, ggas=True, cwss=True, num_filters=16, num_blocks=2))
    before = model.get_weights()
    fold(model).set_weights([np.zeros(weight.shape) for weight in fold(model).weights])
    for mine, yours in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, yours)


def test_a_plain_network_is_only_copied():
    model = imdn(2, num_filters=16, num_blocks=2)
    folded, kept = folding(model)
    assert not kept
    for mine, yours in zip(folded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, yours)


def test_blocks_keep_their_names():
    folded = fold(edsr_baseline(ggas=True, cwss=True, num_filters=8, num_blocks=2))
    assert {"block_1", "block_2", "global_attention"} <= {layer.name for layer in folded.layers}


def test_a_map_that_starts_at_one_is_divided_in_the_weights():
    ggas = partial(GlobalAttentionBlock, starts_at_one=True, initial_bias=0.0)
    model = train(edsr_baseline(2, ggas=ggas, cwss=True, num_filters=8, num_blocks=2))
    assert_equal(fold(model), model)


def test_the_kernel_size_of_an_ablation_stays():
    model = train(fsrcnn(ggas=partial(GlobalAttentionBlock, kernel_size=5)))
    assert_equal(fold(model), model)
    assert fold(model).get_layer("global_attention_depthwise").kernel_size == (5, 5)


def test_any_layer_may_make_the_map():
    model = train(edsr_baseline(2, ggas=keras.layers.Identity, cwss=True, num_filters=8, num_blocks=2))
    assert_equal(fold(model), model)


def test_alphas_next_to_zero_stay():
    model = edsr_baseline(2, cwss=True, num_filters=4, num_blocks=2)
    model.get_layer("block_2_sum_alpha").set_weights([np.array([0.5, 1e-9, 0, 1])])
    folded, kept = folding(model)
    assert kept == {"block_2_sum_alpha": "a scale is too near 0 at block_2_sum_alpha"}
    assert_equal(folded, model)


def test_one_multiplication_takes_the_place_of_all_where_the_trunk_has_no_convolution():
    model = train(shallow_edsr(2, cwss=True, num_filters=8, num_blocks=5))
    folded, kept = folding(model)
    assert kept == {"trunk_scale": "two different scales meet at trunk"}
    assert_equal(folded, model)


def test_the_shipped_network_folds_whole():
    model = from_preset("imdn_x4")
    folded, kept = folding(model)
    assert not kept and not multiplications(folded)
    assert_equal(folded, model)


def test_a_model_in_bfloat16_stays_in_it():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        folded = fold(edsr_baseline(2, ggas=True, cwss=True, num_filters=4, num_blocks=1))
    finally:
        keras.config.set_dtype_policy("float32")
    assert {layer.compute_dtype for layer in folded.layers if layer.weights} == {"bfloat16"}


def plain(filters: int, **options) -> keras.layers.Conv2D:
    return keras.layers.Conv2D(filters, 3, padding="same", **options)


def alphas(channels: int, seed: int = 0, layer=ChannelWiseScale) -> keras.layers.Layer:
    scale = layer(name=f"alphas_{seed}")
    scale.build((None, None, None, channels))
    scale.alpha.assign(np.random.default_rng(seed).uniform(0.3, 1.5, channels))
    return scale


IMAGES = keras.Input((None, None, 3))


@pytest.mark.parametrize("cwss", [False, True])
@each_architecture
def test_a_map_that_starts_at_one_folds_everywhere(architecture, cwss):
    if cwss and "cwss" not in architecture.strategies:
        return
    ggas = partial(GlobalAttentionBlock, starts_at_one=True, initial_bias=1.0)
    model = train(architecture.build_tiny(ggas=ggas, **({"cwss": True} if cwss else {})))
    assert_equal(fold(model), model)


@pytest.mark.parametrize(
    "use",
    [
        lambda features, attention: features + features * attention,
        lambda features, attention: plain(3)(keras.ops.relu(attention)),
        lambda features, attention: attention,
    ],
    ids=["sum", "function", "output"],
)
def test_a_division_that_nothing_takes_up_stays(use):
    features = plain(4)(IMAGES)
    block = GlobalAttentionBlock(starts_at_one=True, initial_bias=0.0, name="attention")
    model = train(keras.Model(IMAGES, use(features, block(features))))
    folded, kept = folding(model)
    assert_equal(folded, model)
    assert "attention" in kept


@pytest.mark.parametrize(
    "add", [lambda features: features + 0.5, lambda features: 1.0 - features, lambda features: features + np.ones(4)]
)
def test_constants_are_not_scaled(add):
    model = keras.Model(IMAGES, plain(3)(add(alphas(4)(plain(4)(IMAGES)))))
    assert_equal(fold(model), model)


def test_the_output_need_not_be_the_last_operations_first():
    model = keras.Model(IMAGES, keras.ops.split(alphas(6)(plain(6)(IMAGES)), 2, axis=-1)[1])
    assert_equal(fold(model), model)


def test_subclasses_are_layers_of_ones_own():
    class Shifted(ChannelWiseScale):
        def call(self, inputs):
            return super().call(inputs) + 1

    class Squashed(GlobalAttentionBlock):
        def call(self, shallow, training=None):
            return keras.ops.tanh(super().call(shallow, training=training))

    features = plain(4)(IMAGES)
    features = plain(4)(alphas(4, layer=Shifted)(features)) * Squashed()(features)
    model = keras.Model(IMAGES, plain(3)(features))
    folded = fold(model)
    assert_equal(folded, model)
    assert {Shifted, Squashed} <= {type(layer) for layer in folded.layers}


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.BatchNormalization(scale=False),
        keras.layers.BatchNormalization(center=False),
        lambda features: features + plain(1)(IMAGES),
        lambda features: keras.layers.Multiply()([plain(1)(IMAGES), features]),
    ],
)
def test_what_takes_up_no_scales_is_left_alone(layer):
    model = train(keras.Model(IMAGES, plain(3)(layer(alphas(4)(plain(4)(IMAGES))))))
    assert_equal(fold(model), model)


def test_operators_may_add():
    start = features = plain(4)(IMAGES)
    for i in range(3):
        scaled = alphas(4, i)(features)
        features = scaled + plain(4)(keras.ops.relu(plain(4)(scaled)))
    model = keras.Model(IMAGES, plain(3)(start + features))
    assert_equal(fold(model), model)


def test_a_layer_may_add_twice():
    features, add = plain(4)(IMAGES), keras.layers.Add()
    for i in range(2):
        features = add([features, alphas(4, i)(features)])
    model = keras.Model(IMAGES, plain(3)(features))
    assert_equal(fold(model), model)


def test_a_block_may_be_called_twice():
    block, features = GlobalAttentionBlock(), plain(4)(IMAGES)
    further = plain(4)(features * block(features))
    model = train(keras.Model(IMAGES, plain(3)(further * block(further))))
    assert_equal(fold(model), model)


def test_a_multiplication_that_stays_has_the_precision_of_its_sum():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        folded = fold(train(shallow_edsr(2, cwss=True, num_filters=4, num_blocks=2)))
    finally:
        keras.config.set_dtype_policy("float32")
    assert folded.get_layer("trunk_scale").compute_dtype == "bfloat16"


def test_layers_may_be_called_by_keyword():
    inputs = keras.Input((None, None, 3))
    features = keras.layers.Conv2D(4, 3, padding="same")(inputs)
    scaled = ChannelWiseScale(0.5)(inputs=features)
    model = keras.Model(inputs, keras.layers.Conv2D(3, 3, padding="same")(scaled))
    folded = fold(model)
    assert not [layer for layer in folded.layers if isinstance(layer, ChannelWiseScale)]
    assert_close(folded(picture(1, 9, 9, 3)), model(picture(1, 9, 9, 3)))
