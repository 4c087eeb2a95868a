"""Casts models to another precision."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from keras_lisr.graph.calls import calls
from keras_lisr.graph.flatten import duplicate, flatten, is_known

POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


@contextmanager
def layers_in(policy: str) -> Iterator[None]:
    """Sets the precision policy of layers that are made within; also a decorator."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def cast_model(model: keras.Model, precision: str) -> keras.Model:
    """Returns the model if it computes in this precision, otherwise a copy with the same weights that does.

    TensorFlow's rewriting of graphs to bfloat16 is an option of the whole process, and cannot turn a model that was
    saved in bfloat16 to float32 for a processor without it. The output is float32 in either case.

    Args:
        model: Model with one input and one output; see `flatten`. Unknown layers keep their precision.
        precision: "float32" or "bfloat16".
    """
    model = flatten(model)
    # Operations on pictures, not features, are cheap and stay in float32: bfloat16 has eight bits.
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
