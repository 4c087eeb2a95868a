"""Memory of a network's tensors, from its LiteRT file."""

import math
from pathlib import Path

import numpy as np

from keras_lisr.exported.litert import ANY_SIDE

# Measured peak of LiteRT 2.3's memory over what tensors and pointers take, float32 and int8, windows of 200 pixels a
# side: 1.0 (EDSR, CARN, RCAN), 1.1 (IMDN), 1.2 (IDN, MemNet), 1.4 (FSRCNN).
MEMORY_OVERHEAD = 1.4
POINTER = 8


def bytes_per_pixel(path: str | Path) -> int:
    """Returns the bytes that LiteRT takes for each pixel of a window, from a file for pictures of any size.

    They are the most that the tensors hold at once and, for each tap of each convolution, the pointer that XNNPACK
    keeps for every pixel.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    # XNNPACK would hide the tensors inside it.
    interpreter = Interpreter(str(path), experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    (low_resolution,) = interpreter.get_input_details()
    interpreter.resize_tensor_input(low_resolution["index"], (1, ANY_SIDE, ANY_SIDE, 3))
    interpreter.allocate_tensors()
    tensors = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
    operators = interpreter._get_ops_details()
    last_operator = {index: i for i, operator in enumerate(operators) for index in operator["inputs"]}
    held: dict[int, int] = {}
    most = pointers = 0
    for i, operator in enumerate(operators):
        for index in operator["outputs"]:
            held[index] = math.prod(tensors[index]["shape"]) * np.dtype(tensors[index]["dtype"]).itemsize
        most = max(most, sum(held.values()))
        held = {index: size for index, size in held.items() if last_operator.get(index, 0) > i}
        if "CONV" in operator["op_name"]:
            taps = math.prod(tensors[operator["inputs"][1]]["shape"][1:3])
            pixels = math.prod(tensors[operator["outputs"][0]]["shape"][1:3])
            pointers += POINTER * taps * pixels if taps > 1 else 0
    return math.ceil(MEMORY_OVERHEAD * (most + pointers) / ANY_SIDE**2)
