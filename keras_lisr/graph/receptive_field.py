"""Computes a network's receptive field, the halo that makes its tiles exact."""

import math
from fractions import Fraction

import keras

from keras_lisr.graph.calls import calls
from keras_lisr.tiling.traits import Traits

UNKNOWN_HALO = 32  # Where nobody knows what a network sees.


def receptive_field_radius(model: keras.Model) -> int | float:
    """Computes the radius of a network's receptive field from its graph.

    An output pixel in the low-resolution pixel `i` sees only the low-resolution pixels from `i - radius` to
    `i + radius`. A layer on an enlarged picture counts for a fraction of a pixel; the sum is rounded up once. It is
    `math.inf` if the network pools over the picture or has unknown operations.

    Example:

    >>> from keras_lisr.zoo import fsrcnn, imdn
    >>> receptive_field_radius(fsrcnn()), receptive_field_radius(imdn(num_blocks=1))
    (7, inf)
    """
    radii: dict[int, Fraction | float] = {}  # By the tensor's id.
    for call in calls(model):
        seen = max((radii[id(tensor)] for tensor in call.inputs), default=Fraction(0))
        radius = math.inf if call.radius is None else call.radius
        if radius:
            seen += radius / call.input_resolution
        radii |= {id(tensor): seen for tensor in call.outputs}
    return math.inf if math.isinf(seen) else math.ceil(seen)


def traits_of(model: keras.Model) -> Traits:
    """Determines the traits of a network, for tiles, files and presets, from its graph.

    Raises:
        ValueError: As `graph.calls`, or if the network does not map RGB to RGB at an integer scale.
    """
    graph = list(calls(model))
    for name, tensor in (("takes", graph[0].outputs[0]), ("returns", graph[-1].outputs[0])):
        if tensor.shape[-1] != 3:
            raise ValueError(
                "`model` must map RGB to RGB, `(batch, height, width, 3)`. "
                f"Received: a model that {name} {tensor.shape}"
            )
    scale = graph[-1].output_resolution
    if scale < 1 or scale.denominator > 1:
        raise ValueError(
            "`model` must enlarge height and width by one integer, with convolutions of padding='same'. "
            f"Received: model={model.name!r}, which does not"
        )
    radius = receptive_field_radius(model)
    smallest_side = max(getattr(call.operation, "smallest_side", 1) for call in graph)
    return Traits(
        scale=int(scale),
        halo=None if math.isinf(radius) else int(radius),
        smallest_side=smallest_side,
        multiple=math.lcm(*(call.output_resolution.denominator for call in graph)),
        blended=UNKNOWN_HALO if any(call.radius is None for call in graph) else Traits.blended,
    )
