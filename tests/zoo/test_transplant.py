import inspect
from functools import partial

import keras
import numpy as np
import pytest
from architectures import each_architecture
from reference import assign_waves, picture, to_numpy

from keras_lisr import zoo
from keras_lisr.layers import ChannelWiseScale, GlobalAttentionBlock
from keras_lisr.zoo import transplant

AS_IDENTITY = {
    "ggas": partial(GlobalAttentionBlock, starts_at_one=True),
    "cwss": partial(ChannelWiseScale, initial_alpha=1.0),
}
SMALL = {"num_filters": 4, "num_blocks": 2}


def weights(model: keras.Model) -> dict[str, np.ndarray]:
    return {weight.path: to_numpy(weight) for weight in model.weights}


def strategies_of(architecture) -> dict:
    parameters = inspect.signature(getattr(zoo, architecture.name)).parameters
    return {name: factory for name, factory in AS_IDENTITY.items() if name in parameters}


@each_architecture
def test_a_trained_network_with_new_strategies_computes_what_it_did(architecture):
    trained = architecture.build_tiny(2)
    assign_waves(trained)
    target = architecture.build_tiny(2, **strategies_of(architecture))
    assert target.count_params() > trained.count_params()
    before, kept = weights(target), weights(trained)
    assert transplant(trained, target) is target
    for path, values in weights(target).items():
        np.testing.assert_array_equal(values, kept[path] if path in kept else before[path])
    image = picture(2, 16, 17, 3)
    expected = to_numpy(trained(image))
    assert expected.std() > 0.01
    np.testing.assert_allclose(to_numpy(target(image)), expected, rtol=0, atol=1e-5)


@each_architecture
@pytest.mark.parametrize(("scale", "other"), [(2, 4), (3, 2)])
def test_another_scale_keeps_what_of_its_upsampler_differs(architecture, scale, other):
    trained, target = architecture.build_tiny(scale), architecture.build_tiny(other, **strategies_of(architecture))
    assign_waves(trained)
    before, kept = weights(target), weights(trained)
    transplant(trained, target)
    for path, values in weights(target).items():
        same = path in kept and kept[path].shape == values.shape
        np.testing.assert_array_equal(values, kept[path] if same else before[path])
        assert same or path.startswith(("upsample", "global_attention")) or "_alpha/" in path


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ggas": True}, "'global_attention/depthwise/kernel'"),
        ({"cwss": True}, "'block_1_sum_alpha/alpha'"),
        ({"num_filters": 5}, r"'shallow/kernel'.*\(3, 3, 3, 5\).*\(3, 3, 3, 4\)"),
        ({"num_blocks": 3}, "'block_3_conv_1/kernel'"),
        ({"num_blocks": 1}, "'block_2_conv_1/kernel'"),
    ],
)
def test_other_networks_are_refused_before_anything_is_set(options, message):
    source, target = zoo.edsr_baseline(2, **{**SMALL, **options}), zoo.edsr_baseline(2, **SMALL)
    before = weights(target)
    with pytest.raises(ValueError, match=f"`source`.*{message}"):
        transplant(source, target)
    for path, values in weights(target).items():
        np.testing.assert_array_equal(values, before[path])


def test_strategies_of_another_size_are_refused():
    source = zoo.edsr_baseline(2, ggas=partial(GlobalAttentionBlock, kernel_size=5), **SMALL)
    with pytest.raises(ValueError, match=r"depthwise/kernel'.*\(5, 5, 4, 1\).*\(7, 7, 4, 1\)"):
        transplant(source, zoo.edsr_baseline(2, ggas=True, **SMALL))


def test_the_source_stays_as_it_is_when_the_target_is_trained():
    source, target = (zoo.edsr_baseline(2, **SMALL) for _ in range(2))
    before = weights(source)
    transplant(source, target)
    target.compile(keras.optimizers.SGD(1e-2), "mean_absolute_error")
    target.train_on_batch(picture(1, 8, 8, 3), picture(1, 16, 16, 3, phase=1))
    for path, values in weights(source).items():
        np.testing.assert_array_equal(values, before[path])
    assert any((values != before[path]).any() for path, values in weights(target).items())
