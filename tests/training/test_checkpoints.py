import keras
import numpy as np
import pytest

from keras_lisr.training.checkpoints import Checkpoint, Steps, TerminateOnNonFinite, checkpoints, resume
from keras_lisr.zoo import fsrcnn


@pytest.fixture
def model():
    model = fsrcnn(2, num_filters=4, num_shrunk_filters=2, num_blocks=1)
    model.compile(keras.optimizers.Adam(), "mae")
    model.optimizer.build(model.trainable_variables)
    return model


def fit(model, callbacks, epochs, **options):
    batch = np.zeros((1, 8, 8, 3), "float32"), np.ones((1, 16, 16, 3), "float32")
    model.fit(*batch, epochs=epochs, callbacks=callbacks, verbose=0, **options)


def test_checkpoint_holds_weights_and_optimizer(model, tmp_path):
    fit(model, [Checkpoint(tmp_path, Steps(0, 5))], epochs=3)
    assert checkpoints(tmp_path) == {step: tmp_path / f"step_{step:08d}.keras" for step in (10, 15)}
    again = keras.models.load_model(checkpoints(tmp_path)[15])
    assert int(again.optimizer.iterations) == 3
    for mine, yours in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, yours)


def test_checkpoint_survives_a_failed_write(model, tmp_path, monkeypatch):
    fit(model, [Checkpoint(tmp_path, Steps(0, 1))], epochs=1)
    before = checkpoints(tmp_path)[1].read_bytes()

    def tear(partial):
        partial.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model, "save", tear)
    with pytest.raises(OSError, match="step_00000002.keras"):
        fit(model, [Checkpoint(tmp_path, Steps(1, 1))], epochs=2, initial_epoch=1)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"step_00000001.keras": before}


@pytest.fixture
def folder(model, tmp_path):
    fit(model, [Checkpoint(tmp_path, Steps(0, 1))], epochs=2)
    return tmp_path


def truncate(file):
    file.write_bytes(file.read_bytes()[:-100])


def flip_a_bit(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def empty(file):
    file.write_bytes(b"")


@pytest.mark.parametrize("damage", [truncate, flip_a_bit, empty])
def test_a_damaged_checkpoint_is_refused_and_the_one_before_resumes(model, folder, damage):
    damage(checkpoints(folder)[2])
    with pytest.raises(ValueError, match="`output`.*step_00000002.keras"):
        resume(model, folder)
    checkpoints(folder)[2].unlink()
    assert resume(model, folder) == 1
    assert int(model.optimizer.iterations) == 1


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_ends_the_run(model, folder, value):
    target = np.full((3, 16, 16, 3), 0.5, "float32")
    target[1] = value
    batches = np.zeros((3, 8, 8, 3), "float32"), target
    callbacks = [TerminateOnNonFinite(folder, Steps(2, 3)), Checkpoint(folder, Steps(2, 3))]
    with pytest.raises(FloatingPointError, match="step 4.*step_00000002.keras"):
        model.fit(*batches, batch_size=1, shuffle=False, callbacks=callbacks, verbose=0)
    assert list(checkpoints(folder)) == [1, 2]


@pytest.mark.parametrize("spoil", [lambda model: model.weights[0], lambda model: model.optimizer.variables[-1]])
def test_a_state_that_is_not_finite_is_never_a_checkpoint(model, tmp_path, spoil):
    """As where the last step of an epoch has a finite loss, but not a finite gradient."""
    variable = spoil(model)
    last = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: variable.assign(keras.ops.full(variable.shape, np.nan, variable.dtype))
    )
    with pytest.raises(FloatingPointError, match="step 1"):
        fit(model, [last, TerminateOnNonFinite(tmp_path, Steps(0, 1)), Checkpoint(tmp_path, Steps(0, 1))], epochs=1)
    assert not checkpoints(tmp_path)


def test_other_files_are_no_checkpoints(tmp_path):
    for name in ("partial_step_00000001.keras", "step_1.h5", "averaged.keras"):
        (tmp_path / name).touch()
    assert checkpoints(tmp_path) == {}
