"""Models within models as one graph."""

from collections.abc import Iterator
from typing import Any

import keras

OURS = ("keras.", "keras_lisr.")


def flatten(model: keras.Model) -> keras.Model:
    """A model as a functional one without models inside: itself if it is one, or else one of the same layers.

    Functional models and `Sequential` are looked into, at any depth. A model with a `call` of its own is one layer.

    Args:
        model: Any model of one tensor to one tensor, `(batch, height, width, channels)`.

    Raises:
        ValueError: If `model` is something else, or cannot be called on pictures of a size that is not known yet.
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
    except Exception as error:  # Whatever its `call` raises.
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
    """The functional model that a model is; None if it is none, or computes something in a `call` of its own."""
    if not getattr(type(operation).call, "__module__", "").startswith(OURS):
        return None
    graph = getattr(operation, "_functional", operation)
    return graph if hasattr(graph, "_nodes_by_depth") else None


def nodes(model: keras.Model) -> Iterator[Any]:
    """Keras's own record of each call of a functional model's operations, in the order in which they run."""
    for depth in sorted(model._nodes_by_depth, reverse=True):
        yield from model._nodes_by_depth[depth]


def _enter(graph: Any, inputs: list[Any], stand_ins: dict[int, Any]) -> list[Any]:
    """Applies the operations of a functional model, and of those inside, to other tensors; returns its outputs.

    Args:
        graph: The model.
        inputs: What it is applied to.
        stand_ins: What is applied in place of each operation so far, by its id: the operation itself, or a copy where
            two models inside have one of the same name.
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
    """A new operation of the same configuration but for some changes.

    A layer of somebody else's, whose configuration may not be all of it, is itself where nothing changes.
    """
    if not changes and not is_known(operation):
        return operation
    return type(operation).from_config({**operation.get_config(), **changes})


def is_known(operation: Any) -> bool:
    """Whether an operation is Keras's or this package's, and no code of somebody else's."""
    return type(operation).__module__.startswith(OURS) and type(operation) is not keras.layers.Lambda
