"""Models in another precision than the one that is set, or that they were built in."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from keras_lisr.graph.calls import calls
from keras_lisr.graph.flatten import duplicate, flatten, is_known

POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


@contextmanager
def layers_in(policy: str) -> Iterator[None]:
    """Gives layers that are made within a precision policy, whatever the global one is; a decorator, too."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def cast_model(model: keras.Model, precision: str) -> keras.Model:
    """The model itself if it computes in that precision, or else a copy with the same weights that does.

    A copy rather than TensorFlow's rewriting of graphs to bfloat16, which is an option of the whole process and has no
    equal in the other direction: a model that was trained and saved in bfloat16 must not stay slow on a processor
    without it. The output is float32 in either case.

    Args:
        model: Model with one input and one output. Models inside it are looked into, and layers of somebody else's
            compute as they do.
        precision: "float32" or "bfloat16".
    """
    model = flatten(model)
    # What handles pictures rather than features costs little and stays float32: bfloat16 has but eight bits.
    exempt = precision != "float32"
    if all(layer.compute_dtype == precision for layer in model.layers if layer.weights or not exempt):
        return model
    pictures = {id(call.operation) for call in calls(model) if call.outputs[0].shape[-1] == model.output_shape[-1]}

    def clone(operation):
        is_quantized = getattr(operation, "quantization_mode", None)  # By Keras, to integers.
        if not isinstance(operation, keras.layers.Layer) or not is_known(operation) or is_quantized:
            return duplicate(operation)
        on_picture = id(operation) in pictures and not operation.weights
        return duplicate(operation, dtype="float32" if on_picture else POLICIES[precision])

    copy = keras.models.clone_model(model, clone_function=clone)
    copy.set_weights(model.get_weights())
    return copy
