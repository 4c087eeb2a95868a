"""An ONNX file as a function on arrays, run by ONNX Runtime."""

import os
from pathlib import Path

import numpy as np

from keras_lisr.basics.extras import import_extra
from keras_lisr.exported.litert import INPUT


class ONNXNetwork:
    """A network in an ONNX file of `keras_lisr.export`, run on the processor, by default with a thread for each core.

    Its `shape` is the height and width of the pictures that it takes, or None if it takes any.

    Raises:
        ValueError: If ONNX Runtime is not installed, or cannot read the file.
    """

    def __init__(self, path: str | Path, *, threads: int | None = None):
        # Read once, when it is imported. Otherwise it reports its use to Microsoft.
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        onnxruntime = import_extra("onnxruntime", "onnx")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # Of types of its own.
            raise ValueError(
                f"`path` must be a file that ONNX Runtime reads. Received: path={str(path)!r} ({error})"
            ) from error
        _, height, width, _ = self._session.get_inputs()[0].shape  # Names, unless the file is for one size.
        self.shape = (height, width) if isinstance(height, int) else None

    def __call__(self, low_resolution: np.ndarray) -> np.ndarray:
        """Runs the network on `(1, height, width, 3)`, float32 in [0, 1]."""
        return self._session.run(None, {INPUT: low_resolution})[0]
