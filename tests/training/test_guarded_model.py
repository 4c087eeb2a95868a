import keras
import numpy as np
import pytest

from keras_lisr.training.checkpoints import Steps
from keras_lisr.training.guarded_model import GuardedModel, StopWhenSkipping, guarded
from keras_lisr.training.optimizer import AveragingAdam
from keras_lisr.zoo import fsrcnn

LOW_RESOLUTION = np.random.default_rng(0).random((12, 1, 8, 8, 3), "float32")

# TensorFlow takes longer to compile a step than to make a dozen. JAX compiles the branches of every step that is not
# compiled as a whole, and breaks down after some hundreds.
JIT_COMPILE = keras.backend.backend() == "jax"


class Batches(keras.utils.PyDataset):
    """One batch a step; in those of `bad` the target is what is given there."""

    def __init__(self, bad):
        super().__init__()
        self.bad = bad

    def __len__(self):
        return len(LOW_RESOLUTION)

    def __getitem__(self, step):
        return LOW_RESOLUTION[step], np.full((1, 16, 16, 3), self.bad.get(step, 0.5), "float32")


def make(loss="mean_absolute_error", precision="float32", clip_norm=None):
    keras.utils.set_random_seed(0)
    network = fsrcnn(2, ggas=True, num_filters=4, num_shrunk_filters=2, num_blocks=1)
    model = GuardedModel(network.input, network.output)
    optimizer = AveragingAdam(0.01, global_clipnorm=clip_norm)
    model.compile(guarded(optimizer, precision), loss, auto_scale_loss=False, jit_compile=JIT_COMPILE)
    model.optimizer.build(model.trainable_variables)
    return model


def fit(model, bad, *callbacks):
    return model.fit(Batches(bad), shuffle=False, verbose=0, callbacks=list(callbacks)).history


def state(model):
    model.optimizer.finalize_variable_values([])
    return [keras.ops.convert_to_numpy(variable) for variable in (*model.weights, *model.optimizer.variables)]


class Recorder(keras.callbacks.Callback):
    """The whole state after every step."""

    def on_train_begin(self, logs=None):
        self.states, self.logs = [], []

    def on_train_batch_end(self, batch, logs=None):
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()
        self.states.append([np.array(keras.ops.convert_to_numpy(variable)) for variable in self.model.weights])
        self.states[-1] += [np.array(keras.ops.convert_to_numpy(self.model.optimizer.iterations))]
        self.logs.append(dict(logs))


def same(one, other):
    return all(np.array_equal(mine, yours) for mine, yours in zip(one, other, strict=True))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_a_non_finite_step_changes_nothing(bad, precision):
    recorder = Recorder()
    history = fit(make(precision=precision), {3: bad, 7: bad}, recorder)
    changed = [not same(before, after) for before, after in zip(recorder.states, recorder.states[1:], strict=False)]
    assert changed == [step not in (3, 7) for step in range(1, 12)]
    assert [logs["skipped"] for logs in recorder.logs] == [0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2]
    assert all(np.isfinite(logs["loss"]) for logs in recorder.logs)
    assert history["skipped"] == [2]


def test_without_bad_steps_it_is_keras_to_the_bit():
    guarded_model = make()
    keras.utils.set_random_seed(0)
    plain = fsrcnn(2, ggas=True, num_filters=4, num_shrunk_filters=2, num_blocks=1)
    plain.compile(AveragingAdam(0.01), "mean_absolute_error", jit_compile=JIT_COMPILE)
    losses = [fit(model, {})["loss"] for model in (guarded_model, plain)]
    assert losses[0] == losses[1]
    assert same(guarded_model.get_weights(), plain.get_weights())


def overflowing_sum(true, predicted):
    """Infinite where the target is large, with finite gradients."""
    return keras.ops.mean(predicted) + keras.ops.stop_gradient(keras.ops.mean(true) * 1e38)


def test_a_non_finite_loss_with_finite_gradients_is_skipped():
    recorder = Recorder()
    fit(make(overflowing_sum), {4: 1e9}, recorder)
    assert same(recorder.states[3], recorder.states[4])
    assert not same(recorder.states[4], recorder.states[5])


def product(true, predicted):
    """Its gradients are as large as the target."""
    return keras.ops.mean(true * predicted)


@pytest.mark.parametrize("clip_norm", [None, 10.0])
@pytest.mark.parametrize("burst", [1e22, 1e30])
def test_finite_gradients_whose_squares_are_not_are_skipped(clip_norm, burst):
    """Clipping would divide by an infinite norm, and Adam's second moment would stay infinite."""
    recorder = Recorder()
    fit(make(product, clip_norm=clip_norm), {4: burst}, recorder)
    assert same(recorder.states[3], recorder.states[4])
    assert not same(recorder.states[4], recorder.states[5])
    assert all(np.isfinite(value).all() for value in recorder.states[-1])
    assert recorder.logs[-1]["skipped"] == 1


def test_statistics_of_batch_normalization_are_restored():
    """What the forward pass makes of a picture that is not finite would never leave a moving average."""
    model = make()
    before = [np.array(weight) for weight in model.get_weights()]
    bad = np.full((1, 8, 8, 3), np.nan, "float32")
    model.fit(bad, np.zeros((1, 16, 16, 3), "float32"), verbose=0)
    assert same(before, model.get_weights())
    assert len(model.non_trainable_variables) == 2


def test_the_count_goes_on_through_epochs():
    model = make()
    fit(model, {0: np.nan})
    assert fit(model, {5: np.nan})["skipped"] == [2]


def test_ten_in_a_row_end_the_run(tmp_path):
    def run(bad):
        make().fit(
            Batches(dict.fromkeys(bad, np.nan)),
            initial_epoch=2,
            epochs=3,
            shuffle=False,
            verbose=0,
            callbacks=[StopWhenSkipping(tmp_path, Steps(24, 12))],
        )

    with pytest.raises(FloatingPointError, match="in the 10 steps up to step 36; there is no checkpoint yet"):
        run(range(2, 12))
    (tmp_path / "step_00000024.keras").touch()
    with pytest.raises(FloatingPointError, match="up to step 34; the last good checkpoint is .*step_00000024.keras"):
        run(range(12))


def test_ten_that_are_not_in_a_row_do_not(tmp_path):
    bad = dict.fromkeys((0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11), np.nan)
    assert fit(make(), bad, StopWhenSkipping(tmp_path, Steps(0, 12)))["skipped"] == [11]


def test_float16_scales_the_loss_and_others_do_not():
    assert float(make(precision="mixed_float16").optimizer.dynamic_scale) == 2**15
    model = make(precision="mixed_bfloat16")
    fit(model, {1: np.nan})
    assert float(model.optimizer.dynamic_scale) == 1


def test_hundreds_of_skipped_steps_leave_a_run_that_learns():
    """Halved each time, the scale would be 0 after 150."""
    model = make(precision="mixed_float16")
    for _ in range(15):
        fit(model, dict.fromkeys(range(12), np.nan))
    assert float(model.optimizer.dynamic_scale) == 2  # Not 1, as where the loss is not scaled.
    before = model.get_weights()[0].copy()
    assert fit(model, {})["skipped"] == [180]
    assert not np.array_equal(before, model.get_weights()[0])
