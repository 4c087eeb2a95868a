"""Magnitudes of a network's residuals (Fig. 2 and 6)."""

import re
from collections.abc import Mapping

import keras
import numpy as np

from keras_lisr.analysis.block_outputs import compute
from keras_lisr.graph.cast import cast_model
from keras_lisr.graph.flatten import nodes

# Names of residual connections: block_3_sum, block_3_1_sum (CARN), block_3_residual_1_sum (RCAN), block_3_sum_1
# (MemNet).
SUM = re.compile(r"(?P<stem>block_\d+(_\w+)?_)sum(_\d+)?")


def residual_magnitude(model: keras.Model, image: np.ndarray, *, nested: bool = False) -> dict[str, float]:
    """Computes the mean of `|H_RL(x)|` (Eq. 7 and 8), over pixels and channels, in each residual connection.

    These are the connections of Fig. 2: each residual group of RCAN, each residual block of EDSR and in the cascading
    blocks of CARN, each block of IMDN; likewise each block of IDN and each recursion of MemNet. Connections around all
    blocks, or from picture to picture, do not count.

    Values are in the units of the network's features. Networks of RGB in [0, 1] can be compared; those of imported EDSR
    and RCAN, whose authors trained on [0, 255], are 255 times as large. In IDN, H_RL is added to the identity and to
    the features that the block kept half way.

    Args:
        model: As for `block_outputs`; a residual connection is an `Add` layer named as `block_1_sum`, whose second
            input is H_RL(x).
        image: As for `block_outputs`.
        nested: Whether connections inside another one's H_RL count too: RCAN's residual blocks in its groups.

    Returns:
        Means by the name of the `Add` layer, in the order of computation.

    Raises:
        ValueError: If `model` has no residual connection, such as FSRCNN, or `image` is invalid, see `block_outputs`.

    Example:

    >>> from keras_lisr.zoo import idn
    >>> list(residual_magnitude(idn(scale=4, num_blocks=2), np.zeros((6, 8, 3), np.uint8)))
    ['block_1_sum', 'block_2_sum']
    """
    model = cast_model(model, "float32")
    added = {n.operation.name: n.input_tensors for n in nodes(model) if isinstance(n.operation, keras.layers.Add)}
    stems = {name: match["stem"] for name in added if (match := SUM.fullmatch(name))}
    residuals = {
        name: added[name][1]
        for name, stem in stems.items()
        # Nested connections are named after the outer one: block_1_residual_2_ in block_1_.
        if nested or not any(stem != other and stem.startswith(other) for other in stems.values())
    }
    if not residuals:
        raise ValueError(
            "`model` must have residual connections, Add layers named as block_1_sum. "
            f"Received: model={model.name!r}, which has none"
        )
    return {name: float(np.mean(np.abs(H), dtype=np.float64)) for name, H in compute(model, residuals, image).items()}


def above_reference(magnitudes: Mapping[str, float], reference: Mapping[str, float]) -> list[str]:
    """Returns the names of residuals larger than any of a reference network: the red points of Fig. 2.

    Args:
        magnitudes: Result of `residual_magnitude`.
        reference: Result for the reference, in the paper RCAN, as the large network.

    Example:

    >>> above_reference({"block_1_sum": 0.1, "block_2_sum": 0.4}, {"block_1_sum": 0.3, "block_2_sum": 0.2})
    ['block_2_sum']
    """
    largest = max(reference.values())
    return [name for name, magnitude in magnitudes.items() if magnitude > largest]
