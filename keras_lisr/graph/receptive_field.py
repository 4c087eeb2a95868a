"""How far a network sees: the halo that makes its tiles exact."""

import math
from fractions import Fraction

import keras

from keras_lisr.graph.calls import calls
from keras_lisr.tiling.traits import Traits


def receptive_field_radius(model: keras.Model) -> int | float:
    """Radius of a network's receptive field, computed from its graph.

    An output pixel that lies in the low-resolution pixel `i` sees the low-resolution pixels from `i - radius` to
    `i + radius` and no others. A layer that works on an enlarged picture counts for a fraction of a pixel, and the
    rational sum is rounded up once.

    Args:
        model: Functional model with one input and one output.

    Returns:
        Low-resolution pixels; `math.inf` if the network pools over the picture.

    Raises:
        ValueError: If the graph holds an operation whose receptive field is not known, as `graph.calls` says.

    Example:

    >>> from keras_lisr.zoo import fsrcnn, imdn
    >>> receptive_field_radius(fsrcnn()), receptive_field_radius(imdn(num_blocks=1))
    (7, inf)
    """
    radii: dict[int, Fraction | float] = {}  # By the tensor's id.
    for call in calls(model):
        seen = max((radii[id(tensor)] for tensor in call.inputs), default=Fraction(0))
        radii |= {id(tensor): seen + call.radius / call.input_resolution for tensor in call.outputs}
    radius = radii[id(model.outputs[0])]
    return math.inf if math.isinf(radius) else math.ceil(radius)


def traits_of(model: keras.Model) -> Traits:
    """What tiles, files and presets have to know of a network, from its graph.

    Args:
        model: Functional model from RGB to RGB, `(batch, height, width, 3)`.

    Raises:
        ValueError: If the graph holds an operation that is not known, as `graph.calls` says, or the network is not one
            from RGB to RGB.
    """
    graph = list(calls(model))  # First, because what is no functional model need not have what follows.
    for name, shape in (("takes", model.input_shape), ("returns", model.output_shape)):
        if shape[-1] != 3:
            raise ValueError(f"`model` must be one from RGB to RGB. Received: a model that {name} {shape}")
    radius = receptive_field_radius(model)
    smallest_side = max(getattr(call.operation, "smallest_side", 1) for call in graph)
    halo = None if math.isinf(radius) else int(radius)
    return Traits(scale=graph[-1].output_resolution, halo=halo, smallest_side=smallest_side)
