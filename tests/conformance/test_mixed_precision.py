"""Every network trains under the mixed precision policies, and answers in float32."""

import keras
import numpy as np
import pytest
from architectures import ARCHITECTURES, STRATEGIES
from reference import assert_close, assign_waves, picture, to_numpy


@pytest.fixture
def policy(request):
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    ("policy", "architecture"),
    [
        pytest.param(
            policy,
            architecture,
            id=f"{policy}-{architecture.name}",
            marks=[pytest.mark.slow]
            if policy == "mixed_float16" and architecture.name not in ("fsrcnn", "imdn")
            else [],
        )
        for policy in ("mixed_float16", "mixed_bfloat16")
        for architecture in ARCHITECTURES
    ],
    indirect=["policy"],
)
def test_trains(architecture, policy):
    strategies = STRATEGIES[architecture.strategies[-1]]
    model = architecture.build_tiny(2, **strategies)
    assign_waves(model)
    assert {layer.compute_dtype for layer in model.layers if "conv" in layer.name} == {policy.removeprefix("mixed_")}
    assert {weight.dtype for weight in model.weights} == {"float32"}

    low_resolution, high_resolution = picture(2, 8, 8, 3), picture(2, 16, 16, 3, phase=1)
    output = model(low_resolution, training=False)
    assert keras.backend.standardize_dtype(output.dtype) == "float32"
    keras.config.set_dtype_policy("float32")
    exact = architecture.build_tiny(2, **strategies)
    exact.set_weights(model.get_weights())
    expected = to_numpy(exact(low_resolution, training=False))
    tolerance = {"mixed_float16": 0.01, "mixed_bfloat16": 0.08}[policy]
    assert_close(output, expected, atol=tolerance * np.abs(expected).max())

    model.compile(keras.optimizers.Adam(1e-3), "mean_absolute_error", run_eagerly=keras.backend.backend() != "jax")
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer) == (policy == "mixed_float16")
    before = [to_numpy(weight) for weight in model.trainable_weights]
    losses = [model.train_on_batch(low_resolution, high_resolution) for _ in range(3)]
    assert np.isfinite(losses).all()
    for weight, old in zip(model.trainable_weights, before, strict=True):
        assert np.isfinite(to_numpy(weight)).all(), weight.path
        # A gradient that is not finite would have made the optimizer skip the step.
        if not weight.path.endswith("global_attention/depthwise/bias"):  # Followed by batch normalization.
            assert (to_numpy(weight) != old).any(), weight.path
