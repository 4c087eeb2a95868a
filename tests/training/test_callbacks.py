import io

import keras
import numpy as np
import pytest
from PIL import Image
from reference import picture

from keras_lisr.data import PatchSampler, imresize, pair_images
from keras_lisr.data.patch_sequence import PatchSequence
from keras_lisr.evaluation import psnr
from keras_lisr.layers import ChannelWiseScale
from keras_lisr.training.callbacks import (
    AveragedModel,
    Averages,
    EpochStart,
    Progress,
    TensorBoardCurves,
    TensorBoardPictures,
    TimeLimit,
    Validation,
    fill_with_averages,
    super_resolve,
)
from keras_lisr.training.checkpoints import Steps
from keras_lisr.training.distribution import Group
from keras_lisr.training.optimizer import AveragingAdam
from keras_lisr.zoo import fsrcnn, imdn

BATCH = np.zeros((1, 8, 8, 3), "float32"), np.ones((1, 16, 16, 3), "float32")


@pytest.fixture
def model():
    model = fsrcnn(2, num_filters=4, num_shrunk_filters=2, num_blocks=1)
    model.compile("adam", "mae")
    return model


def fit(model, callback, epochs):
    return model.fit(*BATCH, epochs=epochs, callbacks=[callback], verbose=0).epoch


def small():
    return fsrcnn(2, ggas=True, num_filters=4, num_shrunk_filters=2, num_blocks=1)


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="On TensorFlow batches come from tf.data.")
@pytest.mark.parametrize(("first", "per_epoch"), [(0, 3), (0, 6), (3, 3), (6, 2)])
def test_every_batch_is_trained_on_once_and_in_its_order(model, monkeypatch, first, per_epoch):
    drawn = []
    batch = PatchSampler.batch
    monkeypatch.setattr(PatchSampler, "batch", lambda self, step: drawn.append(step) or batch(self, step))
    image = np.random.default_rng(0).integers(256, size=(24, 24, 3), dtype=np.uint8)
    sampler = PatchSampler([image], scale=2, patch_size=16, batch_size=1)
    steps = Steps(first, per_epoch)
    batches = PatchSequence(sampler, per_epoch, first)
    model.fit(
        batches,
        shuffle=False,
        initial_epoch=steps.first_epoch,
        epochs=steps.first_epoch + 6 // per_epoch,
        callbacks=[EpochStart(batches, steps)],
        verbose=0,
    )
    assert drawn[-6:] == list(range(first, first + 6))
    assert set(drawn[:-6]) <= {first}  # Keras looks at a batch to build the model, before the first epoch.


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


def test_averages_are_new_after_every_epoch(tmp_path):
    model, network = small(), small()
    model.compile(AveragingAdam(0.1), "mae")
    seen = []
    look = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: seen.append(network.get_weights()[-1].copy()))
    model.fit(*BATCH, epochs=2, callbacks=[Averages(network), look], verbose=0)
    assert not np.array_equal(*seen)
    np.testing.assert_array_equal(seen[1], model.get_weights()[-1])  # `fit` leaves the averages in the weights.


def test_averaged_model_is_saved_and_the_best_is_kept(model, tmp_path):
    callback = AveragedModel(model, tmp_path, best_psnr=20.0)
    callback.on_epoch_end(0, {"val_psnr": 19.0})
    assert [file.name for file in tmp_path.iterdir()] == ["averaged.keras"]
    callback.on_epoch_end(1, {"val_psnr": 21.0})
    best = (tmp_path / "best.keras").read_bytes()
    assert best == (tmp_path / "averaged.keras").read_bytes()
    model.layers[-2].kernel.assign(model.layers[-2].kernel + 1)
    callback.on_epoch_end(2, {"val_psnr": 20.5})
    assert (tmp_path / "best.keras").read_bytes() == best != (tmp_path / "averaged.keras").read_bytes()


def test_time_limit_ends_the_run_after_an_epoch(model):
    assert fit(model, TimeLimit(0, Group()), epochs=5) == [0]
    assert fit(model, TimeLimit(3600, Group()), epochs=3) == [0, 1, 2]


def test_validation_measures_the_network_it_was_given_as_the_field_does(model):
    images = [(picture(17, 24, 3, phase=phase) * 255).astype(np.uint8) for phase in (0, 1)]
    network = fsrcnn(2, num_filters=4, num_shrunk_filters=2, num_blocks=1)
    validation = Validation(network, pair_images(images, 2), 2, Steps(0, 1))
    history = model.fit(*BATCH, callbacks=[validation], verbose=0).history
    expected = [
        psnr(image, super_resolve(network, imresize(image, 1 / 2)), shave=2)
        for image in (images[0][:16], images[1][:16])
    ]
    assert history["val_psnr"] == [pytest.approx(np.mean(expected), abs=1e-4)]
    assert history["step"] == [1]


def test_progress_tells_steps_loss_and_psnr(model, capsys):
    pytest.importorskip("tqdm", reason="Keras's own bar is shown where there is no tqdm")

    class Psnr(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["val_psnr"] = 27.125

    model.fit(*BATCH, epochs=2, callbacks=[Psnr(), Progress(Steps(5, 1), 20)], verbose=0)
    last = capsys.readouterr().err.split("\r")[-1]
    assert "7/20" in last and "PSNR=27.1" in last and "loss=" in last


@pytest.fixture
def events(tmp_path):
    """What was written for TensorBoard, by tag."""
    pytest.importorskip("tensorflow", reason="TensorBoard's pictures need TensorFlow")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util import tensor_util

    def read():
        accumulator = EventAccumulator(str(next(iter(tmp_path.glob("train")), tmp_path)))
        accumulator.Reload()
        return {
            tag: [(event.step, tensor_util.make_ndarray(event.tensor_proto)) for event in accumulator.Tensors(tag)]
            for tag in accumulator.Tags()["tensors"]
        }

    return read


def test_tensorboards_curves_count_steps(model, tmp_path, events):
    for steps, epochs in ((Steps(0, 2), 2), (Steps(4, 4), 1)):  # Gone on with, in longer epochs.
        curves = TensorBoardCurves(tmp_path, steps)
        first = steps.first_epoch
        model.fit(*BATCH, initial_epoch=first, epochs=first + epochs, callbacks=[curves], verbose=0)
    assert [step for step, _ in events()["epoch_loss"]] == [2, 4, 8]


def test_tensorboard_shows_crops_attention_and_alphas(tmp_path, events):
    network = imdn(2, ggas=True, cwss=True, attention=None, num_filters=4, num_blocks=2)
    network.compile("adam", "mae")
    crops = pair_images([np.full((17, 16, 3), level, np.uint8) for level in (100, 200)], 2)
    network.fit(
        *BATCH,
        epochs=2,
        callbacks=[TensorBoardPictures(network, tmp_path, crops, 2, Steps(6, 3))],
        verbose=0,
        initial_epoch=0,
    )
    shown = events()
    alphas = {f"alpha/{layer.name}" for layer in network.layers if isinstance(layer, ChannelWiseScale)}
    assert set(shown) == {"crop_1", "crop_2", "attention_1", "attention_2", *alphas} and len(alphas) == 2
    assert [step for step, _ in shown["crop_1"]] == [3, 6]
    width, height, png = shown["crop_2"][-1][1]
    assert (int(width), int(height)) == (64, 16)
    row = np.array(Image.open(io.BytesIO(png)))
    assert (row[:, :32] == 200).all() and (row[:, 48:] == 200).all() and not (row[:, 32:48] == 200).all()
    width, height, png = shown["attention_1"][-1][1]
    assert (int(width), int(height)) == (8, 8)


def test_tensorboard_pictures_need_neither_strategy(model, tmp_path, events):
    fit(
        model,
        TensorBoardPictures(model, tmp_path, pair_images([np.zeros((16, 16, 3), np.uint8)], 2), 2, Steps(0, 1)),
        epochs=1,
    )
    assert set(events()) == {"crop_1"}
