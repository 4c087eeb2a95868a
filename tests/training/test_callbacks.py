import keras
import numpy as np
import pytest

from keras_lisr.training.callbacks import Checkpoint, ImageGrid, TimeLimit
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
    fit(model, Checkpoint(tmp_path / "checkpoint.keras"), epochs=3)
    again = keras.models.load_model(tmp_path / "checkpoint.keras")
    assert int(again.optimizer.iterations) == 3
    for mine, yours in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, yours)


def test_checkpoint_survives_a_failed_write(model, tmp_path, monkeypatch):
    file = tmp_path / "checkpoint.keras"
    fit(model, Checkpoint(file), epochs=1)
    before = file.read_bytes()

    def torn_save(partial):
        partial.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(model, "save", torn_save)
    with pytest.raises(OSError, match="No space"):
        fit(model, Checkpoint(file), epochs=1)
    assert file.read_bytes() == before


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
