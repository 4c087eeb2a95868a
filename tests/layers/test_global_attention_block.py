import keras
import numpy as np
import pytest
from reference import assert_close, assign_waves, convolution, normalize, pad, picture, relu, sigmoid, to_numpy

from keras_lisr.layers import GlobalAttentionBlock


def count(weights) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)


def attention_map(block: GlobalAttentionBlock, shallow: np.ndarray) -> np.ndarray:
    """Fig. 3b, written out."""
    depthwise, depthwise_bias, pointwise, pointwise_bias = map(
        to_numpy, (*block.depthwise.weights, *block.pointwise.weights)
    )
    padded = pad(shallow, block.kernel_size // 2)
    spatial = [
        convolution(padded[..., i : i + 1], depthwise[:, :, i : i + 1], depthwise_bias[i])
        for i in range(shallow.shape[-1])
    ]
    features = relu(normalize(np.concatenate(spatial, axis=-1), block.normalization))
    return sigmoid(features @ pointwise[0, 0] + pointwise_bias)


@pytest.mark.parametrize("kernel_size", [3, 5, 7])
def test_equation_2(kernel_size):
    block = GlobalAttentionBlock(kernel_size)
    shallow = picture(2, 9, 10, 6)
    block(shallow)
    assign_waves(block)
    expected = attention_map(block, shallow)
    assert expected.std() > 0.02
    assert_close(block(shallow), expected)


@pytest.mark.parametrize(("channels", "kernel_size"), [(12, 7), (64, 7), (64, 5), (48, 3), (1, 1)])
def test_equations_5_and_6(channels, kernel_size):
    block = GlobalAttentionBlock(kernel_size)
    block.build((None, None, None, channels))
    while_training = (kernel_size**2 + 1) * channels + 2 * channels + channels**2 + channels
    folded = channels**2 + (kernel_size**2 + 2) * channels
    assert count(block.trainable_weights) == while_training
    # The two vectors of the batch normalization go into the depthwise convolution.
    assert while_training - count(block.normalization.trainable_weights) == folded
    assert count(block.non_trainable_weights) == 2 * channels


def test_batch_normalization_is_pytorchs():
    block = GlobalAttentionBlock()
    assert (block.normalization.momentum, block.normalization.epsilon) == (0.9, 1e-5)


def test_training_normalizes_with_the_batch():
    block = GlobalAttentionBlock(3)
    shallow = 5 + 3 * picture(2, 8, 8, 4)
    assert np.abs(to_numpy(block(shallow, training=True)) - to_numpy(block(shallow, training=False))).max() > 1e-3
    assert np.abs(to_numpy(block.normalization.moving_mean)).max() > 0


@pytest.mark.parametrize(("initial_bias", "start"), [(0.0, 0.5), (3.0, 0.9526), (-2.0, 0.1192)])
def test_initial_bias(initial_bias, start):
    block = GlobalAttentionBlock(initial_bias=initial_bias)
    assert_close(block(np.zeros((1, 8, 8, 16), "float32")), start, atol=1e-4)
    block = GlobalAttentionBlock(initial_bias=initial_bias, starts_at_one=True)
    assert_close(block(picture(1, 7, 9, 12)), 1, atol=3e-7)


def test_sees_three_pixels_around():
    block = GlobalAttentionBlock()
    assert block.receptive_field_radius == 3
    assert GlobalAttentionBlock(5).receptive_field_radius == 2
    shallow = picture(1, 15, 15, 4)
    block(shallow)
    assign_waves(block)
    changed = shallow.copy()
    changed[0, 7, 7] += 1
    difference = np.abs(to_numpy(block(changed)) - to_numpy(block(shallow))).max(axis=(0, 3)) > 1e-6
    rows, columns = np.nonzero(difference)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4, 10, 4, 10)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (1, 7, 9, 3), (2, 16, 16, 64)])  # Kernels have tails of their own.
def test_starts_at_one(policy, shape):
    attention = GlobalAttentionBlock(starts_at_one=True, dtype=policy)(picture(*shape))
    assert keras.backend.standardize_dtype(attention.dtype) == policy.removeprefix("mixed_")
    np.testing.assert_array_equal(to_numpy(attention), 1)


def test_started_at_one_it_is_equation_2_over_its_start():
    plain, block = GlobalAttentionBlock(3), GlobalAttentionBlock(3, starts_at_one=True)
    shallow = picture(2, 9, 10, 6)
    for layer in (plain, block):
        layer(shallow)
        assign_waves(layer)
    assert_close(block(shallow), to_numpy(plain(shallow)) / sigmoid(3.0))
    for logit, limit in ((-100, 0), (100, 1 / sigmoid(3.0))):
        block.pointwise.bias.assign(np.full(6, logit))
        assert_close(block(shallow), limit)


def test_started_at_one_it_learns_from_the_first_step_on():
    inputs = keras.Input((None, None, 4))
    block = GlobalAttentionBlock(starts_at_one=True)
    model = keras.Model(inputs, block(inputs))
    model.compile(keras.optimizers.SGD(1.0), "mean_squared_error", run_eagerly=keras.backend.backend() != "jax")
    shallow = picture(2, 8, 8, 4)
    for step in range(2):
        before = [to_numpy(weight) for weight in (block.pointwise.kernel, block.pointwise.bias, block.depthwise.kernel)]
        model.train_on_batch(shallow, shallow)
        after = [to_numpy(weight) for weight in (block.pointwise.kernel, block.pointwise.bias, block.depthwise.kernel)]
        moved = [np.abs(new - old).max() for new, old in zip(after, before, strict=True)]
        assert min(moved[:2]) > 1e-3
        # Behind a kernel of zeros nothing shows, until the first step has been made.
        assert (moved[2] > 1e-6) == (step > 0)
