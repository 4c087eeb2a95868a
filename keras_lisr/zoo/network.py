"""The models that the builders return: they know how they were built, and upscale pictures."""

import functools
import inspect
import json
from collections.abc import Callable
from itertools import zip_longest
from typing import Any, ParamSpec

import keras
import numpy as np

OUTPUT = "super_resolved"  # Name of the last layer.
INCIDENTAL = ("name", "dtype", "trainable", "builder", "arguments")  # Changes nothing that a network computes.
# Classes of what has no values, as a graph is being traced, by any backend.
SYMBOLS = "KerasTensor", "SymbolicTensor", "Tracer", "FakeTensor", "FunctionalTensor"
LOOKED_AT = 32  # Pictures of an array, at most.
BUILDERS: dict[str, Callable[..., "SuperResolutionModel"]] = {}  # By name.

P = ParamSpec("P")


@keras.saving.register_keras_serializable("keras_lisr")
class SuperResolutionModel(keras.Model):
    """A functional model from RGB in [0, 1] to the same `scale` times as large.

    It is made by the builders of `keras_lisr.zoo`, trains and saves as any other, and remembers the builder's call
    through `.keras` files, `from_config` and `keras.models.clone_model`.

    Example:

    >>> from keras_lisr.zoo import fsrcnn
    >>> model = fsrcnn(scale=2, ggas=True)
    >>> model.builder, model.arguments, model.scale
    ('fsrcnn', {'scale': 2, 'ggas': True}, 2)
    >>> model.upscale(np.zeros((24, 32, 3), np.uint8)).shape
    (48, 64, 3)
    """

    @property
    def builder(self) -> str:
        """Name of the function of `keras_lisr.zoo` that built the network."""
        return self.get_layer(OUTPUT).builder

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments of the builder's call as JSON; a layer factory becomes the configuration of its layer."""
        return plain(self.get_layer(OUTPUT).arguments)

    @property
    def scale(self) -> int:
        """Upscaling factor."""
        return self.arguments["scale"]

    def __call__(self, *args, **kwargs):
        """Runs the network; outside training, it raises as `predict`, unless it is traced."""
        if not kwargs.get("training"):
            values = [each for each in keras.tree.flatten(args) if not type(each).__name__.endswith(SYMBOLS)]
            check_range(values)
        return super().__call__(*args, **kwargs)

    def call(self, inputs, training=None, mask=None, **kwargs):
        """Runs the network.

        Raises:
            ValueError: If `inputs` are integers: those of a picture are not in [0, 1].
        """
        for tensor in keras.tree.flatten(inputs):
            if "float" not in (dtype := keras.backend.standardize_dtype(tensor.dtype)):
                raise ValueError(
                    "`inputs` must be floating-point RGB in [0, 1]; `upscale` takes pictures of 8 or 16 bits. "
                    f"Received: inputs of {dtype}"
                )
        return super().call(inputs, training=training, mask=mask, **kwargs)

    def predict(self, x, *args, **kwargs):
        """Runs the network on batches, as `keras.Model.predict` does.

        Raises:
            ValueError: If the first pictures of `x` are clearly not in [0, 1]: their mean is beyond [-0.5, 1.5]. Of a
                dataset, the first batch is read once more; a generator is not looked into.
        """
        check_range(first_batch(x))
        return super().predict(x, *args, **kwargs)

    def evaluate(self, x=None, *args, **kwargs):
        """Measures as `keras.Model.evaluate` does, and raises as `predict`."""
        check_range(first_batch(x))
        return super().evaluate(x, *args, **kwargs)

    def fit(self, x=None, *args, **kwargs):
        """Trains as `keras.Model.fit` does, and raises as `predict` of arrays; datasets are not read for that."""
        check_range(x)
        return super().fit(x, *args, **kwargs)

    def predict_on_batch(self, x):
        check_range(x)
        return super().predict_on_batch(x)

    def upscale(self, image: np.ndarray) -> np.ndarray:
        """Upscales a picture of any size, in tiles, in the precision that the model computes in.

        `keras_lisr.inference.Upscaler` does the same with a choice of tiles, memory and precision.

        Args:
            image: RGB, `(height, width, 3)`, uint8 or uint16.

        Returns:
            `(height * scale, width * scale, 3)` of the same type. What the model learns later is seen.

        Raises:
            ValueError: If `image` has another type or shape.
        """
        from keras_lisr.inference import Upscaler

        if not hasattr(self, "_upscaler"):
            self._upscaler = Upscaler(self, precision=None)
        return self._upscaler(image)

    def save(self, filepath, *args, **kwargs):
        """Saves the model as `keras.Model.save` does.

        Raises:
            ValueError: If the file ends in `.h5` or `.hdf5`: Keras would not load it again.
        """
        if str(filepath).endswith((".h5", ".hdf5")):  # Before Keras opens the file, which may exist.
            raise ValueError(
                "`filepath` must end in .keras: HDF5 cannot hold the operations of this network. "
                f"Received: filepath={str(filepath)!r}"
            )
        super().save(filepath, *args, **kwargs)


def builder(build: Callable[P, keras.Model]) -> Callable[P, SuperResolutionModel]:
    """Decorates a builder: its networks know the call that made them, and files of `save_preset` name it.

    Args:
        build: Function of `scale` and more, whose model `skeleton.super_resolution_model` finishes.
    """
    signature = inspect.signature(build)

    @functools.wraps(build)
    def build_and_remember(*args: P.args, **kwargs: P.kwargs) -> SuperResolutionModel:
        given = signature.bind(*args, **kwargs).arguments
        model = build(*args, **kwargs)
        origin = model.get_layer(OUTPUT)
        origin.builder = build.__name__
        arguments = {"scale": signature.parameters["scale"].default} | given
        origin.arguments = {name: describe(value) for name, value in arguments.items()}
        return model

    BUILDERS[build.__name__] = build_and_remember
    return build_and_remember


def first_batch(x: Any) -> Any:
    """Returns the first inputs of `predict` and `evaluate`, None for a generator, which reading would use up."""
    if keras.ops.is_tensor(x) or isinstance(x, np.ndarray | list | tuple | dict) or not hasattr(x, "__iter__"):
        return x
    return None if iter(x) is x else keras.utils.unpack_x_y_sample_weight(next(iter(x), None))[0]


def check_range(inputs: Any) -> None:
    """Raises a ValueError if the first pictures of arrays are of another range than [0, 1]; datasets are not read."""
    for array in keras.tree.flatten(inputs):
        if "float" in str(getattr(array, "dtype", "")):
            mean = keras.ops.convert_to_numpy(array[:LOOKED_AT]).mean(dtype=np.float32)
            if abs(mean - 0.5) > 1:  # Noise, and what was resized, may go beyond, but not on average.
                raise ValueError(f"`x` must be floating-point RGB in [0, 1]. Received: x with a mean of {mean:.4g}")


def describe(argument: Any) -> Any:
    """Returns an argument of a builder as JSON: a layer factory as the class and configuration of its layer."""
    if isinstance(argument, dict) or not callable(argument):
        return plain(argument)
    layer = keras.saving.serialize_keras_object(argument(name="layer"))
    return plain({**layer, "config": {key: layer["config"][key] for key in layer["config"] if key not in INCIDENTAL}})


def plain(value: Any) -> Any:
    """Returns a value as JSON, without NumPy's types, and the lists and dictionaries that Keras tracks."""
    return json.loads(json.dumps(value, default=lambda array: array.tolist()))


def compare_layers(model: keras.Model, other: keras.Model) -> str | None:
    """Names the first layer in which two networks differ apart from their weights; None if there is none."""
    for layer, one, two in zip_longest(model.operations, essence(model), essence(other)):
        if one != two:
            return f"layer {layer.name!r}" if layer else "it has fewer layers"
    return None


def essence(model: keras.Model) -> list[Any]:
    """Returns the configuration of each layer and the origin of its inputs, without what does not affect the result.

    Keras numbers layers without a name of their own through the whole process: here each is named by its position.
    """
    layers = model.get_config()["layers"]
    places = {layer["name"]: place for place, layer in enumerate(layers)}

    def reduce(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: reduce(inner) for key, inner in value.items() if key not in INCIDENTAL}
        if isinstance(value, (list, tuple)):
            return [reduce(inner) for inner in value]
        return places.get(value, value) if isinstance(value, str) else value

    return reduce(layers)
