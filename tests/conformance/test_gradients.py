"""Every trainable weight of every network learns."""

import keras
import numpy as np
from architectures import every_layer
from reference import assign_waves, picture, to_numpy


@every_layer
def test_every_weight_moves(architecture, options):
    model = architecture.build_tiny(2, **options)
    assign_waves(model)
    # One step of plain gradient descent: what each weight loses is its gradient. On any backend, without its tape.
    model.compile(keras.optimizers.SGD(1.0), "mean_squared_error", run_eagerly=keras.backend.backend() != "jax")
    before = [to_numpy(weight) for weight in model.trainable_weights]
    loss = model.train_on_batch(picture(2, 16, 16, 3), picture(2, 32, 32, 3, phase=1))
    assert np.isfinite(loss)
    for weight, old in zip(model.trainable_weights, before, strict=True):
        gradient = old - to_numpy(weight)
        assert np.isfinite(gradient).all(), weight.path
        if weight.path.endswith("global_attention/depthwise/bias"):
            # Eq. 5 counts it, but batch normalization follows and takes any constant away, until it is folded.
            assert np.abs(gradient).max() < 1e-6
        else:
            assert np.abs(gradient).max() > 1e-6, weight.path
