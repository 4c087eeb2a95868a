"""What is in a LiteRT file, read from the file itself: an interpreter shows what its delegates have made of it."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

HIGHEST_RANK = 4  # More dimensions are beyond GPU delegates.
SHAPE_OPERATORS = {"PACK", "SHAPE"}
FLOATS = {"BFLOAT16", "FLOAT16", "FLOAT32", "FLOAT64"}


class LiteRTFile(NamedTuple):
    """The content of a LiteRT file.

    Args:
        operators: How often each operator occurs, by its name.
        rank: Largest number of dimensions of a tensor.
        floats: Names of the operators that compute with floats, other than converting the input or for the output.
    """

    operators: dict[str, int]
    rank: int
    floats: list[str]


def read_litert_file(path: str | Path) -> LiteRTFile:
    """Reads what a LiteRT file consists of."""
    from ai_edge_litert import schema_py_generated as schema

    types, builtins = names(schema.TensorType), names(schema.BuiltinOperator)
    model = schema.Model.GetRootAs(Path(path).read_bytes())
    codes = [model.OperatorCodes(i) for i in range(model.OperatorCodesLength())]
    operators: Counter[str] = Counter()
    floats: Counter[str] = Counter()
    rank = 0
    for subgraph in (model.Subgraphs(i) for i in range(model.SubgraphsLength())):
        tensors = [subgraph.Tensors(i) for i in range(subgraph.TensorsLength())]
        rank = max(rank, *(tensor.ShapeLength() for tensor in tensors))
        inputs, outputs = set(subgraph.InputsAsNumpy()), set(subgraph.OutputsAsNumpy())
        for operator in (subgraph.Operators(i) for i in range(subgraph.OperatorsLength())):
            code = codes[operator.OpcodeIndex()]
            # Small numbers stand in a field of their own, for the readers of old.
            name = builtins[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
            operators[name] += 1
            taken, made = set(operator.InputsAsNumpy()) - {-1}, set(operator.OutputsAsNumpy())
            converts = (name == "QUANTIZE" and taken <= inputs) or (name == "DEQUANTIZE" and made <= outputs)
            # The shape of a tensor is read without its values.
            if not converts and name != "SHAPE" and any(types[tensors[i].Type()] in FLOATS for i in taken | made):
                floats[name] += 1
    return LiteRTFile(dict(sorted(operators.items())), rank, sorted(floats))


def check_litert_file(path: str | Path, *, static: bool, integer: bool) -> None:
    """Makes sure that delegates can run a file as a whole: a static one computes no shapes, an integer one no floats.

    Raises:
        ValueError: If they cannot.
    """
    content = read_litert_file(path)
    shapes = SHAPE_OPERATORS & content.operators.keys()
    if static and shapes:
        raise ValueError(f"The file must have no shapes to compute. Received: {', '.join(sorted(shapes))}")
    if integer and content.floats:
        raise ValueError(f"The file must have integer operators only. Received: {', '.join(content.floats)}")
    if content.rank > HIGHEST_RANK:
        raise ValueError(f"The file must have tensors of at most {HIGHEST_RANK} dimensions. Received: {content.rank}")


def names(enumeration: type) -> dict[int, str]:
    """Names in one of the schema's enumerations, by their numbers."""
    return {number: name for name, number in vars(enumeration).items() if not name.startswith("_")}
