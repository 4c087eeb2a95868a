"""Exports a model to a verified file, with a sidecar that describes it."""

import importlib.metadata
import math
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

import keras_lisr
from keras_lisr.basics.export_options import MODEL, ExportOptions
from keras_lisr.basics.whole_files import PARTIAL
from keras_lisr.data.benchmark_sets import find_benchmark_set
from keras_lisr.export.calibration import COUNT, Pictures, hold_out, read_pictures
from keras_lisr.export.channel_scales import solve
from keras_lisr.export.fine_tune import POOL
from keras_lisr.export.fold import rescale_model
from keras_lisr.export.litert import write_litert
from keras_lisr.export.onnx import write_onnx
from keras_lisr.export.openvino import write_openvino
from keras_lisr.export.saved_model import write_saved_model
from keras_lisr.export.verify import NETWORKS, Upscale, measure_sets, run
from keras_lisr.export.verify import verify as verify_file
from keras_lisr.export.web_page import write_page
from keras_lisr.exported import ExportedUpscaler, LiteRTNetwork, Sidecar
from keras_lisr.exported.litert import INPUT, OUTPUT
from keras_lisr.exported.memory import bytes_per_pixel as litert_memory
from keras_lisr.exported.sidecar import checksum, is_sidecar, sidecar_path, size, write_sidecar
from keras_lisr.graph.cast import cast_model
from keras_lisr.graph.flatten import flatten
from keras_lisr.graph.memory import MEMORY_OVERHEAD, bytes_per_pixel
from keras_lisr.graph.receptive_field import traits_of
from keras_lisr.tiling.rows import Progress

PACKAGES = {
    "saved_model": ("keras", "tensorflow"),
    "litert": ("keras", "tensorflow", "ai-edge-litert"),
    "onnx": ("keras", "tensorflow", "tf2onnx", "onnx", "onnxruntime"),
    "openvino": ("keras", "tensorflow", "openvino"),
}
FLOATS = {"dtype": "float32", "layout": "NHWC", "colour": "RGB", "range": [0, 1]}


def export_model(
    model: keras.Model,
    path: str | Path,
    *,
    format: str | None = None,
    quantize: str = "none",
    shape: tuple[int, int] | None = None,
    representative: Pictures | None = None,
    io: str = "float32",
    fine_tune: int = 0,
    opset: int | None = None,
    progress: Progress | None = None,
    verify: bool = True,
    evaluate: Iterable[str | Path] = (),
) -> Sidecar:
    """Folds a network, writes it, compares the file with the network, and writes a sidecar.

    Everything is written under other names first: a file that fails is not left behind and does not replace another.

    Args:
        model: Any model from RGB in [0, 1] to RGB; models inside it are looked into.
        path: File to write, or folder for a SavedModel. The sidecar has its name with `.json` appended.
        format: "saved_model", "litert", "onnx" or "openvino"; by default as the name says: a folder without suffix,
            `.tflite`, `.onnx` or `.xml`. "web" for a folder of static files, of which one is a LiteRT file: a page that
            upscales pictures in its visitor's browser.
        quantize: For LiteRT: "none" for float32; "float16" for weights of half the size; "dynamic" for weights of 8
            bits, with activations in floats; "int8" for integers throughout.
        shape: For LiteRT and ONNX: height and width of the only pictures that the file takes, which delegates for GPUs
            and NPUs want; None for any.
        representative: For "int8": folder of images, or uint8 arrays `(height, width, 3)`, similar to the pictures that
            the network will see. A quarter of each is kept to judge the file by; unreadable files are skipped, and
            named in the sidecar.
        io: For LiteRT, the type of pictures in and out: "float32" in [0, 1], clipped on output by an int8 file alone;
            "uint8", clipped and rounded half up; "int8", for "int8" alone, for bytes less 128.
        fine_tune: For "int8": steps of quantization-aware fine-tuning on the representative pictures.
        opset: For ONNX: version of its operators.
        progress: Called after each fine-tuning step with the numbers of finished and of all steps.
        verify: Whether to run the file; see `keras_lisr.export.verify`.
        evaluate: Benchmark sets, as folders or by name, on which to measure the network and the file.

    Returns:
        The sidecar.

    Raises:
        ValueError: If options conflict, a set or picture is missing or broken, the model does not map RGB to RGB or has
            operations that cannot be exported, or the file does not compute what the network does.
        OSError: If the file cannot be written.

    Example:

        export_model(from_preset("imdn_x4"), "imdn_x4.tflite", quantize="float16", evaluate=["set5"])
    """
    options = ExportOptions(
        Path(path),
        format=format or "",
        quantize=quantize,
        shape=shape,
        representative=representative,
        io=io,
        fine_tune=fine_tune,
        opset=opset,
    )
    path, format = options.path, options.format
    beside = sidecar_path(path / MODEL if format == "web" else path)
    if beside.exists() and not is_sidecar(beside):
        raise ValueError(f"`path` must not replace another {beside.name}. Received: path={str(path)!r}")
    folders = [find_benchmark_set(name) for name in evaluate]
    model = flatten(model)
    traits = traits_of(model)
    if any(getattr(layer, "quantization_mode", None) for layer in model.layers):
        raise ValueError(
            "`model` must not be quantized by Keras; `quantize='int8'` makes such files of floats. "
            f"Received: model={model.name!r}"
        )
    if (fixed := model.input_shape[1:3]) not in ((None, None), shape):
        raise ValueError(
            f"`shape` must be {fixed}, the only size that this model takes, in a LiteRT or ONNX file. "
            f"Received: shape={shape}, format={format!r}"
        )
    if shape and (min(shape) < traits.smallest_side or any(side % traits.multiple for side in shape)):
        raise ValueError(
            f"`shape` must be multiples of {traits.multiple}, at least {traits.smallest_side}, for this network. "
            f"Received: shape={shape}"
        )
    held_out: list[np.ndarray] = []
    unread: dict[str, str] = {}
    if representative is not None:
        pictures, unread = read_pictures(representative, POOL if fine_tune else COUNT)
        calibration, held_out = hold_out(pictures)
        options = replace(options, representative=calibration)
    model = cast_model(model, "float32")
    solution = solve(model)
    folded = rescale_model(model, solution)
    with tempfile.TemporaryDirectory(prefix=PARTIAL[:-1], dir=path.parent) as temporary:
        partial = Path(temporary) / path.name
        if format == "web":
            write_page(partial)
            partial, format = partial / MODEL, "litert"
        match format:
            case "litert":
                write_litert(folded, replace(options, path=partial), progress)
            case "onnx":
                write_onnx(folded, replace(options, path=partial))
            case "openvino":
                write_openvino(folded, partial)
            case "saved_model":
                write_saved_model(folded, partial)
        verification: dict[str, Any] = {"kept": solution.kept, "fine_tuned": fine_tune, "unread": unread}
        if verify:
            verification |= asdict(verify_file(model, partial, format=format, quantize=quantize, held_out=held_out))
        if format == "litert":
            network = LiteRTNetwork(partial)
            source, result, memory = network.input, network.output, None if shape else litert_memory(partial)
        else:
            source, result = {"name": INPUT, **FLOATS}, {"name": OUTPUT, **FLOATS}
            memory = None if shape else math.ceil(MEMORY_OVERHEAD * bytes_per_pixel(folded))
        sidecar = Sidecar(
            format=format,
            file=partial.name,
            sha256=checksum(partial),
            bytes=size(partial),
            network=model.name,
            **vars(traits),
            quantize=quantize,
            shape=shape,
            input=source,
            output=result,
            protocol="",
            psnr={},
            verification=verification,
            versions=versions(format),
            bytes_per_pixel=memory,
        )
        write_sidecar(sidecar, partial)
        if folders:
            is_saved_model = format == "saved_model"
            upscale: Upscale = run(NETWORKS[format](partial)) if is_saved_model else ExportedUpscaler(partial)
            psnr, protocol = measure_sets(model, upscale, folders)
            sidecar = replace(sidecar, psnr=psnr, protocol=protocol)
            write_sidecar(sidecar, partial)
        # The sidecar comes last, because its checksum must match the file.
        for new in sorted(Path(temporary).iterdir(), key=lambda file: file.name == beside.name):
            target = path.with_name(new.name)
            if target.is_dir():
                shutil.rmtree(target)
            new.replace(target)
    return sidecar


def versions(format: str) -> dict[str, str]:
    """Returns the versions of the libraries that wrote a file."""
    found = {"keras_lisr": keras_lisr.__version__}
    for package in PACKAGES[format]:
        with suppress(importlib.metadata.PackageNotFoundError):  # TensorFlow may be installed under another name.
            found[package] = importlib.metadata.version(package)
    return found
