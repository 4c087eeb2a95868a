"""Steps whose loss or gradient is not finite leave no trace in the network, and are counted."""

from pathlib import Path

import keras

from keras_lisr.training.checkpoints import Steps, checkpoints

NEVER = 2**31 - 1  # Steps between two doublings of a loss scale that does not grow.


class SkippedSteps(keras.metrics.Metric):
    """Number of skipped steps, from the beginning of the run: no end of an epoch resets it."""

    def __init__(self, name: str):
        super().__init__(name=name)
        # Every device counts the steps of all of them.
        self.total = self.add_variable((), "zeros", aggregation="mean", name="total")

    def update_state(self, skipped):
        self.total.assign_add(keras.ops.cast(skipped, self.dtype))

    def result(self):
        return keras.ops.copy(self.total)

    def reset_state(self):
        """Does nothing."""


@keras.saving.register_keras_serializable(package="keras_lisr")
class GuardedModel(keras.Model):
    """A functional model that takes back a training step which its optimizer refuses.

    The optimizer leaves the weights that it trains alone; this model restores what the forward pass has changed by
    then, the statistics of batch normalization and the metrics. `skipped`, one of the metrics, counts such steps.

    Args:
        *args: Inputs and outputs, as for `keras.Model`.
        **kwargs: As for `keras.Model`.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.skipped = SkippedSteps(name="skipped")

    def train_step(self, *arguments):
        """The step of `keras.Model`, with the signature of the backend: `(state, data)` on JAX, else `(data)`."""
        if keras.backend.backend() == "jax":
            return self._stateless_train_step(*arguments)
        restorable = [*self.non_trainable_variables, *self.metrics_variables]
        before = [keras.ops.copy(variable) for variable in restorable]
        iterations = keras.ops.copy(self.optimizer.iterations)
        super().train_step(*arguments)
        skipped = keras.ops.equal(iterations, self.optimizer.iterations)
        for variable, value in zip(restorable, before, strict=True):
            variable.assign(keras.ops.where(skipped, value, variable))
        self.skipped.update_state(skipped)
        return self.get_metrics_result()

    def _stateless_train_step(self, before, data):
        _, after = super().train_step(before, data)
        (_, statistics_before, optimizer_before, metrics_before) = before
        (weights, statistics, optimizer, metrics) = after
        counter = [variable is self.optimizer.iterations for variable in self.optimizer.variables].index(True)
        skipped = keras.ops.equal(optimizer_before[counter], optimizer[counter])

        def restored(before, after):
            return [keras.ops.where(skipped, old, new) for old, new in zip(before, after, strict=True)]

        state = zip(self.metrics_variables, restored(metrics_before, metrics), strict=True)
        with keras.StatelessScope(state_mapping=list(state)) as scope:
            self.skipped.update_state(skipped)
            logs = self.get_metrics_result()
        metrics = [scope.get_current_value(variable) for variable in self.metrics_variables]
        return logs, (weights, restored(statistics_before, statistics), optimizer, metrics)


@keras.saving.register_keras_serializable(package="keras_lisr")
class GuardedOptimizer(keras.optimizers.LossScaleOptimizer):
    """`keras.optimizers.LossScaleOptimizer` that also skips a step whose loss is not finite.

    The original looks at the gradients alone, on several devices at those of the first. Those of the mean absolute
    error are finite where its sum overflows, and those that are finite may have squares that are not. And it halves the
    scale without end.
    """

    @property
    def smallest_scale(self) -> float:
        """More than 1 for a loss that is scaled at all, so that `resume` knows it from one that is not."""
        return min(self.initial_scale, 2.0)

    def check_finite(self, grads):
        """Whether the squares of all gradients have a finite sum, as clipping and Adam take them."""
        numbers = (keras.ops.cast(grad, "float32") for grad in grads if grad is not None)
        return keras.ops.isfinite(sum(keras.ops.sum(keras.ops.square(grad)) for grad in numbers))

    def apply(self, grads, trainable_variables=None):
        """Updates the weights, on all devices or on none."""
        if keras.backend.backend() == "tensorflow":
            grads = self._refused_everywhere(grads)
        super().apply(grads, trainable_variables)

    def _refused_everywhere(self, grads):
        """The gradients of this replica, or none that are numbers where those of another are not finite."""
        import tensorflow as tf

        replica = tf.distribute.get_replica_context()
        if replica.num_replicas_in_sync == 1:
            return grads
        count = replica.all_reduce(tf.distribute.ReduceOp.SUM, tf.cast(self.check_finite(grads), tf.int32))
        everywhere = tf.equal(count, replica.num_replicas_in_sync)
        return [None if grad is None else tf.where(everywhere, grad, float("nan")) for grad in grads]

    def _stateful_handle_non_finite_grads(self):
        super()._stateful_handle_non_finite_grads()
        self.dynamic_scale.assign(keras.ops.maximum(self.dynamic_scale, self.smallest_scale))

    def _stateless_handle_non_finite_grads(self, optimizer_variables, trainable_variables):
        weights, state = super()._stateless_handle_non_finite_grads(optimizer_variables, trainable_variables)
        i = [variable is self.dynamic_scale for variable in self.variables].index(True)
        state[i] = keras.ops.maximum(state[i], self.smallest_scale)
        return weights, state

    def scale_loss(self, loss):
        """The scaled loss; a non-finite one has no gradient that is a number."""
        return super().scale_loss(loss) * keras.ops.where(keras.ops.isfinite(loss), 1.0, float("nan"))


def guarded(optimizer: keras.optimizers.Optimizer, precision: str) -> GuardedOptimizer:
    """An optimizer that skips what is not finite, with a dynamic loss scale in float16 and none otherwise."""
    if precision == "mixed_float16":
        return GuardedOptimizer(optimizer)
    return GuardedOptimizer(optimizer, initial_scale=1.0, dynamic_growth_steps=NEVER)


class StopWhenSkipping(keras.callbacks.Callback):
    """Ends the run with an error after so many skipped steps in a row.

    Args:
        folder: Where the checkpoints are.
        steps: Where the run begins.
        limit: How many.
    """

    async_safe = True  # The order of the calls does not matter, so that accelerators are not waited for.

    def __init__(self, folder: Path, steps: Steps, limit: int = 10):
        super().__init__()
        self.folder = folder
        self.steps = steps
        self.limit = limit

    def on_train_begin(self, logs=None):
        self.skipped = {self.steps.first: float(self.model.skipped.result())}

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch_start = self.steps.until(epoch)

    def on_train_batch_end(self, batch, logs=None):
        step = self.epoch_start + batch + 1
        self.skipped[step] = logs["skipped"]
        if logs["skipped"] - self.skipped.get(step - self.limit, logs["skipped"]) == self.limit:
            written = checkpoints(self.folder)
            last = f"the last good checkpoint is {written[max(written)]}" if written else "there is no checkpoint yet"
            raise FloatingPointError(
                f"the loss or its gradients were not finite in the {self.limit} steps up to step {step}; {last}. "
                f"A lower learning rate, a gradient clip or float32 may help"
            )
        self.skipped.pop(step - 2 * self.limit, None)
