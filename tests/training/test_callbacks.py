import keras
import numpy as np
import pytest

from keras_lisr.training.callbacks import (
    AveragedModel,
    Checkpoint,
    ImageGrid,
    TimeLimit,
    averages_in_place,
    checkpoints,
)
from keras_lisr.training.optimizer import AveragingAdam
from keras_lisr.zoo import fsrcnn


@pytest.fixture
def model():
    model = fsrcnn(2, num_filters=4, num_shrunk_filters=2, num_blocks=1)
    model.compile("adam", "mae")
    return model


def fit(model, callback, epochs):
    batch = np.zeros((1, 8, 8, 3), "float32"), np.ones((1, 16, 16, 3), "float32")
    return model.fit(*batch, epochs=epochs, callbacks=[callback], verbose=0).epoch


def test_checkpoint_holds_weights_and_optimizer(model, tmp_path):
    fit(model, Checkpoint(tmp_path, 10, 1), epochs=3)
    assert checkpoints(tmp_path) == {13: tmp_path / "step_00000013.keras"}
    again = keras.models.load_model(checkpoints(tmp_path)[13])
    assert int(again.optimizer.iterations) == 3
    for mine, yours in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, yours)


def test_checkpoint_survives_a_failed_write(model, tmp_path, monkeypatch):
    fit(model, Checkpoint(tmp_path, 0, 1), epochs=1)
    before = checkpoints(tmp_path)[1].read_bytes()

    def torn_save(partial):
        partial.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(model, "save", torn_save)
    with pytest.raises(OSError, match="No space"):
        fit(model, Checkpoint(tmp_path, 1, 1), epochs=1)
    assert {step: file.read_bytes() for step, file in checkpoints(tmp_path).items()} == {1: before}


def test_averages_give_way_to_the_same_weights(model):
    model.compile(AveragingAdam(0.1), "mae")
    fit(model, TimeLimit(0), epochs=1)  # Which leaves the averages in the weights.
    model.optimizer.apply([keras.ops.ones(variable.shape) for variable in model.trainable_variables])
    weights = model.get_weights()
    with averages_in_place(model):
        assert not np.array_equal(model.get_weights()[0], weights[0])
    for mine, yours in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(mine, yours)


def test_averaged_model_is_saved_without_optimizer_and_the_best_is_kept(model, tmp_path):
    callback = AveragedModel(tmp_path, best_psnr=20.0)
    callback.set_model(model)
    callback.on_epoch_end(0, {"val_psnr": 19.0})
    assert [file.name for file in tmp_path.iterdir()] == ["averaged.keras"]
    assert not keras.models.load_model(tmp_path / "averaged.keras").compiled
    callback.on_epoch_end(1, {"val_psnr": 21.0})
    best = (tmp_path / "best.keras").read_bytes()
    assert best == (tmp_path / "averaged.keras").read_bytes()
    model.layers[-2].kernel.assign(model.layers[-2].kernel + 1)
    callback.on_epoch_end(2, {"val_psnr": 20.5})
    assert (tmp_path / "best.keras").read_bytes() == best != (tmp_path / "averaged.keras").read_bytes()


def test_time_limit_ends_the_run_after_an_epoch(model):
    assert fit(model, TimeLimit(0), epochs=5) == [0]
    assert fit(model, TimeLimit(3600), epochs=3) == [0, 1, 2]


def test_image_grid_row_shows_the_four_pictures(model, tmp_path):
    image = np.full((16, 16, 3), 200, np.uint8)
    grid = ImageGrid(tmp_path, [image], scale=2)
    grid.set_model(model)
    row = grid.row(image)
    assert row.shape == (16, 64, 3)
    assert (row[:, :32] == 200).all() and (row[:, 48:] == 200).all()
    assert not (row[:, 32:48] == 200).all()


def test_image_grid_writes_after_every_epoch(model, tmp_path):
    pytest.importorskip("tensorflow", reason="TensorBoard's images need TensorFlow")
    fit(model, ImageGrid(tmp_path, [np.zeros((16, 16, 3), np.uint8)], scale=2), epochs=1)
    assert list(tmp_path.glob("events.out.tfevents.*"))
