"""Chooses the engine and the precision that upscale.

| asked for | work | engine | precision |
| --- | --- | --- | --- |
| a preset | long, and Keras's backend sees a GPU | Keras's backend | bfloat16 where the GPU has it |
| a preset | some, and OpenVINO is installed | OpenVINO | bfloat16 where the processor has it |
| a preset | long, and the processor has bfloat16 | Keras's backend | bfloat16 |
| a preset | any other | LiteRT | float32 |
| a `.keras` or `.npz` file | any | Keras's backend | bfloat16 where the device has it |
| an exported file | any | its format's | its own |

docs/speed.md has the measurements. 16-bit pictures are computed in float32 unless Keras is asked for bfloat16.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from keras_lisr.basics.engines import AUTO, ENGINES, ENGINES_OF_FILES, KERAS, PRECISIONS
from keras_lisr.basics.preset_index import EXPORTED, Preset, find_preset
from keras_lisr.basics.processor import computes_bfloat16
from keras_lisr.exported.sidecar import read_sidecar

# Multiply-accumulates from which an engine makes up for its start: 0.4 s for OpenVINO, 4 s for TensorFlow.
OPENVINO_PAYS, KERAS_PAYS = 1e11, 6e11
NVIDIA = Path("/dev/nvidiactl")


@dataclass(frozen=True)
class Engine:
    """An engine, its precision and the model that it loads.

    Args:
        name: "litert", "openvino", "onnxruntime", or "tensorflow", which stands for any backend of Keras.
        precision: "float32", "bfloat16" or "int8"; "auto" where Keras's backend decides.
        model: Name of a preset or path of a file.
    """

    name: str
    precision: str
    model: str


def choose_engine(model: str, engine: str = AUTO, precision: str = AUTO, *, work: float = 0) -> Engine:
    """Chooses the engine for a model by the table above.

    Args:
        model: Name of a preset, or path of a `.keras`, `.npz` or exported file.
        engine: One of `ENGINES`.
        precision: One of `PRECISIONS`.
        work: Multiply-accumulates of the whole task.

    Raises:
        ValueError: If the model does not run on that engine or in that precision.
    """
    check(engine, ENGINES, precision, PRECISIONS, "any model")
    if model.lower().endswith(EXPORTED):
        return choose_for_file(model, engine, precision)
    if model.lower().endswith((".keras", ".npz")):
        check(engine, (AUTO, KERAS), precision, (AUTO, "float32", "bfloat16"), "a file of Keras; export it")
        return Engine(KERAS, precision, model)
    return choose_for_preset(find_preset(model), engine, precision, work)


def choose_for_file(path: str, engine: str, precision: str) -> Engine:
    """Returns the engine for an exported file."""
    engines = ENGINES_OF_FILES[Path(path).suffix.lower()]
    own = "int8" if read_sidecar(path).quantize == "int8" else "float32"
    engine = engines[0] if engine == AUTO else engine
    precisions = [own]
    if engine == "openvino" and own == "float32":
        precisions = ["bfloat16", "float32"] if computes_bfloat16() else ["float32", "bfloat16"]
    check(engine, engines, precision, (AUTO, *precisions), f"this {Path(path).suffix} file")
    return Engine(engine, precisions[0] if precision == AUTO else precision, path)


def choose_for_preset(preset: Preset, engine: str, precision: str, work: float) -> Engine:
    """Returns the engine for a preset."""
    check(engine, (AUTO, "litert", KERAS, "openvino"), precision, PRECISIONS, "a preset; export it to .onnx")
    in_bfloat16 = precision == "bfloat16" or (precision == AUTO and computes_bfloat16())
    if precision == "int8":
        check(engine, (AUTO, "litert"), precision, PRECISIONS, "int8")
        file = preset.exported("int8")
        if not file.exists():
            raise ValueError(
                f"`precision` must not be 'int8' for {preset.name}, which has no int8 file; make one by `keras-lisr "
                f"export {preset.name} -o FILE.tflite --quantize int8 --representative FOLDER`. "
                "Received: precision='int8'"
            )
        return Engine("litert", precision, str(file))
    file = preset.exported()
    if engine == AUTO:
        if not file.exists() or (work >= KERAS_PAYS and NVIDIA.exists() and sees_gpu()):
            engine = KERAS
        elif (work >= OPENVINO_PAYS or precision == "bfloat16") and find_spec("openvino"):
            engine = "openvino"
        elif in_bfloat16 and (work >= KERAS_PAYS or precision == "bfloat16"):
            engine = KERAS
        else:
            engine = "litert"
    if engine == KERAS:
        return Engine(KERAS, precision, preset.name)
    check(engine, ENGINES, precision, PRECISIONS if engine == "openvino" else (AUTO, "float32"), engine)
    return Engine(engine, "bfloat16" if in_bfloat16 and engine == "openvino" else "float32", str(file))


def check(engine: str, engines: tuple[str, ...], precision: str, precisions: tuple[str, ...], what: str) -> None:
    """Raises a ValueError if the engine or the precision is not available for something."""
    for name, value, known in (("engine", engine, engines), ("precision", precision, precisions)):
        if value not in known:
            raise ValueError(f"`{name}` must be {' or '.join(known)} for {what}. Received: {name}={value!r}")


def sees_gpu() -> bool:
    """Starts Keras and checks whether its backend computes on a GPU."""
    from keras_lisr.inference.precision import gpu_capability

    return gpu_capability() is not None
