"""Reads and checks the operators of LiteRT files."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

HIGHEST_RANK = 4  # GPU delegates take no more dimensions.
SHAPE_OPERATORS = {"PACK", "SHAPE"}


class LiteRTFile(NamedTuple):
    """Content of a LiteRT file.

    Args:
        operators: Number of each operator, by its name.
        rank: Largest number of dimensions of a tensor.
        floats: Names of the operators on floats, other than conversions of the input and output.
    """

    operators: dict[str, int]
    rank: int
    floats: list[str]


def read_litert_file(path: str | Path) -> LiteRTFile:
    """Reads which operators a LiteRT file consists of."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    # XNNPACK, the default delegate, would hide the operators.
    interpreter = Interpreter(str(path), experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    (source,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    operators = interpreter._get_ops_details()
    floats = set()
    for operator in operators:
        name, types = operator["op_name"], operator["operand_types"] + operator["result_types"]
        converts_input = name == "QUANTIZE" and source["index"] in operator["inputs"]
        converts_output = name == "DEQUANTIZE" and result["index"] in operator["outputs"]
        # SHAPE does not read the values of its tensor.
        is_exempt = converts_input or converts_output or name == "SHAPE"
        if not is_exempt and any(np.issubdtype(type, np.floating) for type in types):
            floats.add(name)
    return LiteRTFile(
        operators=dict(sorted(Counter(operator["op_name"] for operator in operators).items())),
        rank=max(len(tensor["shape"]) for tensor in interpreter.get_tensor_details()),
        floats=sorted(floats),
    )


def check_litert_file(path: str | Path, *, static: bool, integer: bool) -> None:
    """Raises a ValueError if a static file computes shapes, or an integer one floats: delegates would not run it whole.

    Nor would they if a tensor has too many dimensions.
    """
    content = read_litert_file(path)
    shapes = SHAPE_OPERATORS & content.operators.keys()
    if static and shapes:
        raise ValueError(f"The file must have no shapes to compute. Received: {', '.join(sorted(shapes))}")
    if integer and content.floats:
        raise ValueError(f"The file must have integer operators only. Received: {', '.join(content.floats)}")
    if content.rank > HIGHEST_RANK:
        raise ValueError(f"The file must have tensors of at most {HIGHEST_RANK} dimensions. Received: {content.rank}")
