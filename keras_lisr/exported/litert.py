"""A LiteRT file as a function on arrays."""

import os
import threading
from pathlib import Path
from typing import Any

import numpy as np

SIGNATURE = "serving_default"
INPUT, OUTPUT = "low_resolution", "super_resolved"
DTYPES = ("float32", "uint8", "int8")
ANY_SIDE = 32  # Enough for the layers that need the most pixels.


class LiteRTNetwork:
    """A network in a LiteRT file, run on the processor.

    Its `shape` is the height and width of the pictures that it takes, or None if it takes any; `scale` is the upscaling
    factor, `dtype` the type that it takes, and `input` and `output` are described as in a sidecar.

    Args:
        path: File whose signature `serving_default` takes RGB, `low_resolution`, and returns it enlarged,
            `super_resolved`.
        threads: Threads of LiteRT; by default, one for each processor.

    Raises:
        ValueError: If there is no such file, or it is another one.
    """

    def __init__(self, path: str | Path, *, threads: int | None = None):
        if threads is not None and (not isinstance(threads, int) or threads < 1):
            raise ValueError(f"`threads` must be a positive integer or None. Received: threads={threads!r}")
        if not Path(path).is_file():
            raise ValueError(f"`path` must be an existing file. Received: path={str(path)!r}")
        from ai_edge_litert.interpreter import Interpreter

        self._lock = threading.Lock()  # LiteRT keeps the tensors of a run in the interpreter.
        try:
            self._open(Interpreter(str(path), num_threads=threads or os.cpu_count()))
        except (ValueError, RuntimeError) as error:
            raise ValueError(
                f"`path` must be a LiteRT file that enlarges RGB pictures, from {INPUT} to {OUTPUT}. "
                f"Received: path={str(path)!r} ({error})"
            ) from error

    def _open(self, interpreter: Any) -> None:
        """Reads the shapes and types of the file's input and output."""
        names = interpreter.get_signature_list().get(SIGNATURE)
        if names != {"inputs": [INPUT], "outputs": [OUTPUT]}:
            raise ValueError(f"its signature {SIGNATURE} has {names}")
        (low_resolution,) = interpreter.get_input_details()
        asked = [1, *low_resolution["shape_signature"].tolist()[1:]]
        self.shape = None if asked == [1, -1, -1, 3] else tuple(asked[1:3])
        if self.shape is None:
            asked = [1, ANY_SIDE, ANY_SIDE, 3]
        interpreter.resize_tensor_input(low_resolution["index"], asked)
        interpreter.allocate_tensors()
        if self.shape is None:
            interpreter.invoke()  # Before, the size of a dynamic result is not always known.
        (super_resolved,) = interpreter.get_output_details()
        returned = super_resolved["shape"].tolist()
        self.scale = returned[1] // asked[1] if len(asked) == len(returned) == 4 else 0
        if self.scale < 1 or asked[3] != 3 or returned != [1, asked[1] * self.scale, asked[2] * self.scale, 3]:
            raise ValueError(f"it makes {returned} from {asked}")
        self.input, self.output = _tensor(INPUT, low_resolution), _tensor(OUTPUT, super_resolved)
        self.dtype = np.dtype(self.input["dtype"])
        # It resizes and allocates only what has changed since the call before.
        self._runner = interpreter.get_signature_runner(SIGNATURE)

    def __call__(self, low_resolution: np.ndarray) -> np.ndarray:
        """Runs the network. A file for any size is prepared anew when the size changes.

        Args:
            low_resolution: `(1, height, width, 3)`, of the file's own type.

        Returns:
            `(1, height * scale, width * scale, 3)`, of the type that `output` says.

        Raises:
            ValueError: If the array has another type, or a shape that the file does not take.
        """
        shape = low_resolution.shape
        fits = len(shape) == 4 and (shape[0], shape[3]) == (1, 3) and self.shape in (None, shape[1:3])
        if not fits or not low_resolution.size or low_resolution.dtype != self.dtype:
            height, width = self.shape or ("height", "width")
            raise ValueError(
                f"`low_resolution` must be a {self.dtype} array (1, {height}, {width}, 3). "
                f"Received: low_resolution.dtype={low_resolution.dtype}, low_resolution.shape={shape}"
            )
        with self._lock:
            return self._runner(**{INPUT: low_resolution})[OUTPUT]


def _tensor(name: str, details: dict[str, Any]) -> dict[str, Any]:
    """Returns the sidecar's description of a tensor of pictures."""
    dtype = np.dtype(details["dtype"]).name
    if dtype not in DTYPES:
        raise ValueError(f"its {name} is of {dtype}")
    tensor = {
        "name": name,
        "dtype": dtype,
        "layout": "NHWC",
        "colour": "RGB",
        "range": [0, 255] if dtype == "uint8" else [0, 1],
    }
    if dtype != "float32":
        scale, zero_point = details["quantization"]
        # Bytes that the file itself makes floats of have no scale.
        tensor |= {"scale": float(scale) or 1 / 255, "zero_point": int(zero_point)}
    return tensor
