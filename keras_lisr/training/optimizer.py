"""Adam and Muon with a moving average of the weights."""

import math
import re

import keras

FEWEST_DIRECTIONS = 8  # Adam does better on matrices with a smaller side.
COLOURS = 3


class WeightAverage(keras.optimizers.Optimizer):
    """Keeps a moving average of the weights that forgets the untrained ones at once; a mixin for Keras optimizers.

    Keras's `use_ema` starts the average at the first step's weights: at momentum 0.999 they still weigh 37 % after
    1,000 steps, and a short run validates far below what it has learned. Here the momentum rises as t / (t + 9) until
    it reaches `ema_momentum`.
    """

    def build(self, variables):
        """Creates the state; until the first step the averages equal the weights."""
        super().build(variables)
        for variable, average in zip(variables, self._model_variables_moving_average, strict=True):
            average.assign(keras.ops.copy(variable))  # A separate array, because on JAX a step consumes both.

    @property
    def averages(self) -> list[keras.Variable]:
        """Moving average of each trainable variable."""
        return self._model_variables_moving_average

    def _update_model_variables_moving_average(self, trainable_variables):
        step = keras.ops.cast(self.iterations, "float32")
        momentum = keras.ops.minimum(step / (step + 9), self.ema_momentum)
        for variable, average in zip(trainable_variables, self._model_variables_moving_average, strict=True):
            weight = keras.ops.cast(1 - momentum, variable.dtype)
            average.assign_add((keras.ops.convert_to_tensor(variable) - average) * weight)

    def _overwrite_model_variables_with_average_value(self, trainable_variables):
        """Copies the averages into the weights, as `fit` does at its end; see `build` about JAX."""
        for variable, average in zip(trainable_variables, self._model_variables_moving_average, strict=True):
            variable.assign(keras.ops.copy(average))


@keras.saving.register_keras_serializable(package="keras_lisr")
class AveragingAdam(WeightAverage, keras.optimizers.Adam):
    """Adam that keeps a moving average of the weights, see `WeightAverage`.

    Args:
        learning_rate: As for `keras.optimizers.Adam`.
        ema_momentum: Final momentum of the average.
        **kwargs: Other arguments of `keras.optimizers.Adam`, except `use_ema`.
    """

    def __init__(self, learning_rate=0.001, ema_momentum: float = 0.999, **kwargs):
        options = {"epsilon": 1e-8, **kwargs, "use_ema": True, "ema_momentum": ema_momentum}
        super().__init__(learning_rate, **options)


@keras.saving.register_keras_serializable(package="keras_lisr")
class AveragingMuon(WeightAverage, keras.optimizers.Muon):
    """Muon for convolutional networks, with a moving average of the weights, see `WeightAverage`.

    Keras's Muon leaves every variable that is not a matrix to Adam, convolutions too. Here a kernel `(height, width,
    inputs, filters)` is a matrix of height x width x inputs rows and a column for each filter. Its momentum is
    orthogonalized, so that all directions of the matrix grow alike, and multiplied by 0.2 sqrt(max(rows, columns)), so
    that learning rates are of the size of Adam's.

    Adam trains the rest: biases, normalization, alphas, depthwise kernels, matrices with a side below 8, kernels on
    RGB, and `exclude_layers`, by default "upsample", whose filters are pixels.

    Args:
        learning_rate: As for `keras.optimizers.Muon`.
        ema_momentum: Final momentum of the average.
        **kwargs: Other arguments of `keras.optimizers.Muon`, except `use_ema`. By default there is no weight decay, and
            Adam learns at 0.35 times the rate.

    References:
        - [Muon](https://kellerjordan.github.io/posts/muon/)
        - [Muon is Scalable for LLM Training](https://arxiv.org/abs/2502.16982)
    """

    def __init__(self, learning_rate=0.001, ema_momentum: float = 0.999, **kwargs):
        options = {
            "epsilon": 1e-8,
            "weight_decay": None,
            "adam_weight_decay": None,
            "adam_lr_ratio": 0.35,
            "exclude_layers": ["^upsample/"],
            **kwargs,
            "use_ema": True,
            "ema_momentum": ema_momentum,
        }
        super().__init__(learning_rate, **options)

    def _should_use_adamw(self, variable):
        if len(variable.shape) != 4:
            return super()._should_use_adamw(variable)
        rows, columns = math.prod(variable.shape[:-1]), variable.shape[-1]
        return (
            variable.shape[2] <= COLOURS
            or min(rows, columns) < FEWEST_DIRECTIONS
            or any(re.search(pattern, variable.path) for pattern in self.exclude_layers)
        )

    def lr_adjust(self, x):
        return keras.ops.reshape(super().lr_adjust(as_matrix(x)), x.shape)

    def zeropower_via_newtonschulz5(self, x, steps: int):
        """Orthogonalizes a kernel: approximates the factor UV^T of its singular value decomposition.

        The iterations are Keras's, computed on the Gram matrix of the shorter side, which takes two products with the
        long matrix instead of ten.

        Args:
            x: Kernel or matrix.
            steps: Newton-Schulz iterations.
        """
        matrix = as_matrix(x)
        tall = matrix if matrix.shape[0] >= matrix.shape[1] else keras.ops.transpose(matrix)
        tall = tall / (keras.ops.norm(tall) + 1e-7)
        gram = keras.ops.matmul(keras.ops.transpose(tall), tall)
        identity = keras.ops.eye(gram.shape[0], dtype=gram.dtype)
        product = None
        for step in range(1, steps + 1):
            factor = self.muon_a * identity + self.muon_b * gram + self.muon_c * keras.ops.matmul(gram, gram)
            product = factor if product is None else keras.ops.matmul(product, factor)
            if step < steps:
                gram = keras.ops.matmul(keras.ops.matmul(factor, gram), factor)
        even = keras.ops.matmul(tall, product)
        even = even if matrix.shape[0] >= matrix.shape[1] else keras.ops.transpose(even)
        return keras.ops.reshape(even, x.shape)


def as_matrix(kernel):
    """Reshapes a kernel `(height, width, inputs, filters)` to `(height x width x inputs, filters)`."""
    return keras.ops.reshape(kernel, (-1, kernel.shape[-1]))
