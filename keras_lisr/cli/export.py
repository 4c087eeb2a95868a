"""`keras-lisr export`: writes a model to a file for devices, or a web page, and checks it against the model."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from keras_lisr.basics.export_options import FORMATS, QUANTIZATIONS, TYPES, ExportOptions
from keras_lisr.basics.preset_index import choose_model
from keras_lisr.cli.start import start_keras

OPTIONS = ("format", "quantize", "shape", "representative", "io", "fine_tune", "opset")


def add_to(commands) -> None:
    """Adds the command to the parser."""
    command = commands.add_parser("export", help="write a model for devices, or a page that runs it")
    command.set_defaults(run=run)
    command.add_argument("model", metavar="MODEL", help="preset, .npz preset file or .keras file")
    command.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help=".tflite, .onnx or .xml file, or folder of a SavedModel; a sidecar FILE.json is written beside it. With "
        "--format web, folder of a page that upscales pictures in its visitor's browser",
    )
    command.add_argument("--format", choices=FORMATS, default="", help="default: that of the name of FILE")
    command.add_argument("--quantize", choices=QUANTIZATIONS, default="none", help="for LiteRT (default: %(default)s)")
    command.add_argument(
        "--shape",
        type=int,
        nargs=2,
        metavar=("H", "W"),
        help="for LiteRT and ONNX: the only size of pictures (default: any)",
    )
    command.add_argument(
        "--representative", type=Path, metavar="FOLDER", help="for int8: pictures like those that the network will get"
    )
    command.add_argument(
        "--io", choices=TYPES, default="float32", help="for LiteRT: pictures in and out (default: %(default)s)"
    )
    command.add_argument(
        "--fine-tune",
        type=int,
        default=0,
        metavar="STEPS",
        help="for int8: adapt the network to its rounding, on the pictures of --representative; 300 steps, for example",
    )
    command.add_argument("--opset", type=int, help="for ONNX: version of its operators (default: tf2onnx's choice)")
    command.add_argument("--no-verify", action="store_true", help="keep FILE without running it beside the model")
    command.add_argument(
        "--evaluate",
        nargs="+",
        default=[],
        metavar="SET",
        help="benchmark sets to measure FILE on: folders, or names in $KERAS_LISR_DATA",
    )


def run(arguments: argparse.Namespace) -> None:
    """Runs the command."""
    from keras_lisr.data.benchmark_sets import find_benchmark_set
    from keras_lisr.data.image_folder import image_files

    model_name = choose_model(arguments.model)
    arguments.shape = arguments.shape and tuple(arguments.shape)
    options = {option: getattr(arguments, option) for option in OPTIONS}
    ExportOptions(arguments.output, **options)
    if arguments.representative:
        image_files(arguments.representative)
    sets = [find_benchmark_set(name) for name in arguments.evaluate]
    # The converter, too, writes to standard error.
    steps = arguments.fine_tune
    with (
        start_keras() as seen,
        tqdm(file=seen, disable=not steps or None, total=steps, unit=" steps", leave=False) as bar,
    ):
        from keras_lisr.export import export_model
        from keras_lisr.zoo import load_model

        sidecar = export_model(
            load_model(model_name),
            arguments.output,
            progress=lambda done, total: bar.update(),
            verify=not arguments.no_verify,
            evaluate=sets,
            **options,
        )
    for name, reason in sidecar.verification["unread"].items():
        print(f"keras-lisr: skipped {name}: {' '.join(reason.split())}", file=sys.stderr)
    print("\n".join(summary(arguments.output, sidecar)))
    if arguments.format == "web":
        print(f"A web server shows the page, such as: python -m http.server -d {arguments.output}")


def summary(path: Path, sidecar: Any) -> Iterator[str]:
    """Summarizes a file in a few lines."""
    size = f"{sidecar.shape[0]} x {sidecar.shape[1]} pixels" if sidecar.shape else "any size"
    yield (
        f"{path}: {sidecar.network} x{sidecar.scale} for {sidecar.format}, {sidecar.bytes:,} bytes, {size}, "
        f"{sidecar.input['dtype']} in, {sidecar.output['dtype']} out"
    )
    held_out = sidecar.verification.get("held_out")
    # For int8 files, drawn pictures only show whether the file is broken, not the loss of a good one.
    for picture in sidecar.verification.get("pictures", ()) if held_out is None else ():
        yield (
            f"  {picture['height']} x {picture['width']}: differs from Keras by {picture['largest_difference']:.1e} at "
            f"most, {picture['psnr']:.1f} dB"
        )
    for name, psnr in sidecar.psnr.items():
        yield f"  {name}: {psnr['file']:.2f} dB, in Keras {psnr['float']:.2f} dB ({psnr['images']} images)"
    if held_out:
        yield (
            f"  loses {held_out['loss']:.2f} dB on parts of --representative kept out of the calibration: "
            f"{held_out['file']:.2f} dB, in Keras {held_out['float']:.2f} dB ({held_out['images']} parts)"
        )
