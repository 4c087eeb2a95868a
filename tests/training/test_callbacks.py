import keras
import numpy as np
import pytest
from reference import picture

from keras_lisr.data import imresize, pair_images
from keras_lisr.evaluation import psnr
from keras_lisr.inference import Upscaler
from keras_lisr.training.callbacks import AveragedModel, fill_with_averages
from keras_lisr.training.checkpoints import Steps
from keras_lisr.training.optimizer import AveragingAdam
from keras_lisr.zoo import fsrcnn

BATCH = np.zeros((1, 8, 8, 3), "float32"), np.ones((1, 16, 16, 3), "float32")


def small():
    return fsrcnn(2, ggas=True, num_filters=4, num_shrunk_filters=2, num_blocks=1)


@pytest.mark.parametrize("wrap", [lambda optimizer: optimizer, keras.optimizers.LossScaleOptimizer])
def test_a_network_is_filled_with_the_averages_and_the_one_in_training_left(wrap):
    model, network, adam = small(), small(), AveragingAdam(0.1)
    model.compile(wrap(adam), "mae")
    model.optimizer.build(model.trainable_variables)
    averages = adam.averages
    for seed, average in enumerate(averages):
        average.assign(keras.random.normal(average.shape, seed=seed))
    model.get_layer("global_attention").non_trainable_variables[0].assign([5.0, 7.0])
    weights = [np.array(weight) for weight in model.get_weights()]
    fill_with_averages(network, model)
    for mine, kept in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(mine, kept)
    for variable, average in zip(network.trainable_variables, averages, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), keras.ops.convert_to_numpy(average))
    assert not np.array_equal(network.get_weights()[0], weights[0])
    assert list(np.array(network.get_layer("global_attention").non_trainable_variables[0])) == [5, 7]


def test_the_averages_are_validated_as_the_field_does_and_saved_and_the_best_is_kept(tmp_path):
    model, network = small(), small()
    model.compile(AveragingAdam(0.1), "mae")
    images = [(picture(17, 24, 3, phase=phase) * 255).astype(np.uint8) for phase in (0, 1)]
    callback = AveragedModel(network, pair_images(images, 2), 2, Steps(0, 1), tmp_path)
    seen = []
    look = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: seen.append(network.get_weights()[-1].copy()))
    history = model.fit(*BATCH, epochs=2, callbacks=[callback, look], verbose=0).history
    assert not np.array_equal(*seen)
    np.testing.assert_array_equal(seen[1], model.get_weights()[-1])  # `fit` leaves the averages in the weights.
    expected = [
        psnr(image[:16], Upscaler(network, precision="float32")(imresize(image[:16], 1 / 2)), shave=2)
        for image in images
    ]
    assert history["val_psnr"][-1] == pytest.approx(np.mean(expected), abs=1e-4)
    assert history["step"] == [1, 2]

    averaged, best = tmp_path / "averaged.keras", tmp_path / "best.keras"
    callback.best_psnr = 1000.0
    kept = best.read_bytes()
    model.fit(*BATCH, initial_epoch=2, epochs=3, callbacks=[callback], verbose=0)
    assert best.read_bytes() == kept != averaged.read_bytes()
    callback.best_psnr = 0.0
    model.fit(*BATCH, initial_epoch=3, epochs=4, callbacks=[callback], verbose=0)
    assert best.read_bytes() == averaged.read_bytes()
