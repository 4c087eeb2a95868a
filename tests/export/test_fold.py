from functools import partial

import keras
import numpy as np
import pytest
from architectures import ARCHITECTURES, some_architectures
from reference import assert_close, picture

from keras_lisr.export.channel_scales import solve
from keras_lisr.export.fold import fold, rescale_model
from keras_lisr.layers import ChannelWiseScale, GlobalAttentionBlock
from keras_lisr.zoo import edsr_baseline, from_preset, fsrcnn, imdn

IMAGE = picture(1, 18, 21, 3)


def train(model: keras.Model) -> keras.Model:
    """Gives a network statistics and alphas as after a training that went far."""
    random = np.random.default_rng(0)
    for weight in model.weights:
        if weight.path.endswith("_alpha/alpha"):
            weight.assign(random.uniform(0.3, 1.5, weight.shape))
        elif weight.name in ("gamma", "moving_variance"):
            weight.assign(random.uniform(0.5, 2, weight.shape))
        elif weight.name in ("beta", "moving_mean"):
            weight.assign(random.normal(0, 0.1, weight.shape))
        elif weight.name == "bias":
            weight.assign_add(random.normal(0, 0.1, weight.shape))
    return model


def fold_and_tell(model: keras.Model) -> tuple[keras.Model, dict[str, str]]:
    """A folded network, and what had to stay."""
    solution = solve(model)
    return rescale_model(model, solution), solution.kept


def assert_equal(folded: keras.Model, model: keras.Model) -> None:
    expected = np.asarray(model(IMAGE))
    np.testing.assert_allclose(np.asarray(folded(IMAGE)), expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def multiplications(model: keras.Model) -> int:
    return sum(isinstance(layer, ChannelWiseScale) for layer in model.layers)


# Each strategy alone is quick in one network, and all at once in every one.
EVERY_NETWORK = [
    pytest.param(
        architecture,
        {**variant, **strategy},
        id=f"{architecture.name}-{name}-{'-'.join(strategy)}",
        marks=[]
        if len(strategy) == 2 or "cwss" not in architecture.strategies or (architecture.name, name) == ("imdn", "")
        else [pytest.mark.slow],
    )
    for architecture in ARCHITECTURES
    for name, variant in {"": {}, **{str(variant): variant for variant in architecture.variants}}.items()
    for strategy in ({"ggas": True}, {"cwss": True}, {"ggas": True, "cwss": True})
    if "cwss" in architecture.strategies or "cwss" not in strategy
]


@pytest.mark.parametrize(("architecture", "options"), EVERY_NETWORK)
def test_a_folded_network_is_equal(architecture, options):
    keras.utils.set_random_seed(0)
    model = train(architecture.build_tiny(**options))
    folded, kept = fold_and_tell(model)
    assert_equal(folded, model)
    assert multiplications(folded) == len(kept) <= multiplications(model)
    assert not any(isinstance(layer, GlobalAttentionBlock) for layer in folded.layers)


@some_architectures("fsrcnn", "edsr_baseline", "imdn", "memnet")
def test_what_remains_is_the_count_of_equation_6(architecture):
    strategies = [name for name in ("ggas", "cwss") if name in architecture.strategies]
    folded, kept = fold_and_tell(architecture.build(4, **dict.fromkeys(strategies, True)))
    expected = architecture.parameters[4].ggas_folded
    if (
        kept
    ):  # MemNet's recursions share their weights; the shallow EDSR's trunk is added to what its blocks begin with.
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


def test_the_kernel_size_of_an_ablation_stays():
    model = train(fsrcnn(ggas=partial(GlobalAttentionBlock, kernel_size=5)))
    assert_equal(fold(model), model)
    assert fold(model).get_layer("global_attention_depthwise").kernel_size == (5, 5)


@pytest.mark.parametrize("alpha", [0, 1e-9, -1])
def test_alphas_that_are_not_positive_stay(alpha):
    model = edsr_baseline(2, cwss=True, num_filters=4, num_blocks=2)
    model.get_layer("block_2_sum_alpha").set_weights([np.array([0.5, alpha, 2, 1])])
    folded, kept = fold_and_tell(model)
    assert kept.keys() == {"block_2_sum_alpha"}
    assert_equal(folded, model)


def test_the_shipped_network_folds_whole():
    model = from_preset("imdn_x4")
    folded, kept = fold_and_tell(model)
    assert not kept and not multiplications(folded)
    assert_equal(folded, model)


def test_a_model_in_bfloat16_stays_in_it():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        folded = fold(edsr_baseline(2, ggas=True, cwss=True, num_filters=4, num_blocks=1))
    finally:
        keras.config.set_dtype_policy("float32")
    assert {layer.compute_dtype for layer in folded.layers if layer.weights} == {"bfloat16"}


def convolution(filters: int, **options) -> keras.layers.Conv2D:
    return keras.layers.Conv2D(filters, 3, padding="same", **options)


def alphas(channels: int, seed: int = 0, layer=ChannelWiseScale) -> keras.layers.Layer:
    scale = layer(name=f"alphas_{seed}")
    scale.build((None, None, None, channels))
    scale.alpha.assign(np.random.default_rng(seed).uniform(0.3, 1.5, channels))
    return scale


IMAGES = keras.Input((None, None, 3))


def test_a_map_that_starts_at_one_is_divided_by_a_layer_of_its_own():
    ggas = partial(GlobalAttentionBlock, starts_at_one=True, initial_bias=1.0)
    model = train(edsr_baseline(2, ggas=ggas, cwss=True, num_filters=8, num_blocks=2))
    assert_equal(fold(model), model)


def test_constants_are_not_scaled():
    features = alphas(4)(convolution(4)(IMAGES))
    model = keras.Model(IMAGES, convolution(3)((features + np.ones(4)) * 0.5))
    assert_equal(fold(model), model)


def test_subclasses_are_layers_of_ones_own():
    class Shifted(ChannelWiseScale):
        def call(self, inputs):
            return super().call(inputs) + 1

    class Squashed(GlobalAttentionBlock):
        def call(self, shallow, training=None):
            return keras.ops.tanh(super().call(shallow, training=training))

    features = convolution(4)(IMAGES)
    features = convolution(4)(alphas(4, layer=Shifted)(features)) * Squashed()(features)
    model = keras.Model(IMAGES, convolution(3)(features))
    folded = fold(model)
    assert_equal(folded, model)
    assert {Shifted, Squashed} <= {type(layer) for layer in folded.layers}


def test_operators_may_add():
    start = features = convolution(4)(IMAGES)
    for i in range(3):
        scaled = alphas(4, i)(features)
        features = scaled + convolution(4)(keras.ops.relu(convolution(4)(scaled)))
    model = keras.Model(IMAGES, convolution(3)(start + features))
    assert_equal(fold(model), model)


def test_a_layer_may_add_twice():
    features, add = convolution(4)(IMAGES), keras.layers.Add()
    for i in range(2):
        features = add([features, alphas(4, i)(features)])
    model = keras.Model(IMAGES, convolution(3)(features))
    assert_equal(fold(model), model)


def test_a_block_may_be_called_twice():
    block, features = GlobalAttentionBlock(), convolution(4)(IMAGES)
    further = convolution(4)(features * block(features))
    model = train(keras.Model(IMAGES, convolution(3)(further * block(further))))
    assert_equal(fold(model), model)


def test_layers_may_be_called_by_keyword():
    inputs = keras.Input((None, None, 3))
    features = keras.layers.Conv2D(4, 3, padding="same")(inputs)
    scaled = ChannelWiseScale(0.5)(inputs=features)
    model = keras.Model(inputs, keras.layers.Conv2D(3, 3, padding="same")(scaled))
    folded = fold(model)
    assert not [layer for layer in folded.layers if isinstance(layer, ChannelWiseScale)]
    assert_close(folded(picture(1, 9, 9, 3)), model(picture(1, 9, 9, 3)))
