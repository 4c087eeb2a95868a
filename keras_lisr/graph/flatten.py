"""Flattens nested models into one graph."""

from collections.abc import Iterator
from typing import Any

import keras

OURS = ("keras.", "keras_lisr.")


def flatten(model: keras.Model) -> keras.Model:
    """Returns a functional model without models inside: the model itself, or one of the same layers.

    Functional models and `Sequential` are looked into, at any depth. A model with a `call` of its own is one layer.

    Args:
        model: Model from one tensor to one tensor, `(batch, height, width, channels)`.

    Raises:
        ValueError: If `model` is something else, or cannot be called on pictures of unknown size.
    """
    if not isinstance(model, keras.Model):
        raise ValueError(f"`model` must be a Keras model. Received: model={model}")
    try:
        if isinstance(model, keras.Sequential) and not model.built:
            model.build((None, None, None, 3))
        graph = graph_of(model)
        if graph is None:
            inputs = keras.Input((None, None, 3))
            return keras.Model(inputs, model(inputs), name=model.name)
    except Exception as error:  # A `call` may raise anything.
        raise ValueError(
            "`model` must be a model that can be called on RGB of any size, `(batch, height, width, 3)`. "
            f"Received: model={model.name!r} ({' '.join(str(error).split())[:300]})"
        ) from error
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ValueError(
            f"`model` must have one input and one output. Received: model={model.name!r}, which has "
            f"{len(graph.inputs)} and {len(graph.outputs)}"
        )
    takes_tensors = not any(isinstance(each, dict) for each in (graph._inputs_struct, graph._outputs_struct))
    if graph is model and takes_tensors and not any(graph_of(layer) for layer in graph.layers):
        return model
    first = graph.inputs[0]
    inputs = keras.Input(batch_shape=first.shape, dtype=first.dtype, name=first.name)
    return keras.Model(inputs, _enter(graph, [inputs], {})[0], name=model.name)


def graph_of(operation: keras.Operation) -> Any:
    """Returns the functional graph of a model; None for a layer, or a model with a `call` of its own."""
    if not getattr(type(operation).call, "__module__", "").startswith(OURS):
        return None
    graph = getattr(operation, "_functional", operation)
    return graph if hasattr(graph, "_nodes_by_depth") else None


def nodes(model: keras.Model) -> Iterator[Any]:
    """Yields Keras's nodes, the calls of a functional model's operations, in the order of execution."""
    for depth in sorted(model._nodes_by_depth, reverse=True):
        yield from model._nodes_by_depth[depth]


def _enter(graph: Any, inputs: list[Any], stand_ins: dict[int, Any]) -> list[Any]:
    """Applies a functional model, and those inside, operation by operation; returns the outputs.

    Args:
        graph: The model.
        inputs: Input tensors.
        stand_ins: Operations to apply, by the original's id: itself, or a copy if its name is taken.
    """
    tensors = {id(tensor): value for tensor, value in zip(graph.inputs, inputs, strict=True)}
    for node in nodes(graph):
        operation = node.operation
        if node.is_input:
            continue
        if inner := graph_of(operation):
            outputs = _enter(inner, [tensors[id(tensor)] for tensor in node.input_tensors], stand_ins)
        else:
            if id(operation) not in stand_ins:
                is_taken = any(each.name == operation.name for each in stand_ins.values())
                name = f"{operation.name}_{len(stand_ins)}"
                stand_ins[id(operation)] = duplicate(operation, name=name) if is_taken else operation
            stand_in = stand_ins[id(operation)]
            args, kwargs = node.arguments.fill_in(tensors)
            outputs = keras.tree.flatten(stand_in(*args, **kwargs))
            if stand_in is not operation and getattr(stand_in, "weights", None):
                stand_in.set_weights(operation.get_weights())
        tensors |= {id(tensor): value for tensor, value in zip(node.outputs, outputs, strict=True)}
    return [tensors[id(tensor)] for tensor in graph.outputs]


def duplicate(operation: Any, **changes: Any) -> Any:
    """Makes a new operation of the same configuration with some changes.

    Without changes, an unknown layer is returned itself, because its configuration may be incomplete.
    """
    if not changes and not is_known(operation):
        return operation
    return type(operation).from_config({**operation.get_config(), **changes})


def is_known(operation: Any) -> bool:
    """Checks whether an operation is Keras's or this package's."""
    return type(operation).__module__.startswith(OURS) and type(operation) is not keras.layers.Lambda
