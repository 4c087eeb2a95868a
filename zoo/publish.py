r"""Measures a trained network on benchmark sets and makes it a preset of the package.

Example:
    python zoo/publish.py runs/imdn_x4/averaged.keras imdn_x4 imdn \
        '{"scale": 4, "ggas": true, "cwss": true, "attention": null}' --benchmarks $KERAS_LISR_DATA/benchmarks
"""

import argparse
import json
import tempfile
from pathlib import Path

import keras

from keras_lisr.benchmark import multiply_accumulates
from keras_lisr.data import BenchmarkSet
from keras_lisr.evaluation import bicubic, evaluate
from keras_lisr.inference import Upscaler
from keras_lisr.zoo import from_preset, presets

SETS = ("Set5", "Set14", "DIV2K_valid_part")


def main() -> None:
    """Prints the measurements, of bicubic too, and writes the preset and its entry in the index."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help=".keras file")
    parser.add_argument("name", help="name of the preset")
    parser.add_argument("builder", help="builder in keras_lisr.zoo")
    parser.add_argument("arguments", type=json.loads, help="what the builder was called with, as JSON")
    parser.add_argument("--benchmarks", type=Path, required=True, help="folder of the benchmark sets")
    flags = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "preset.npz"
        trained = keras.models.load_model(flags.model, compile=False)
        presets.save_preset(trained, file, builder=flags.builder, arguments=flags.arguments)
        model = from_preset(file)  # As it will be used: with the weights in float16.
        upscale, scale = Upscaler(model, precision="float32"), flags.arguments["scale"]
        measured = {}
        for name in SETS:
            benchmark_set = BenchmarkSet(flags.benchmarks / name, scale)
            result = evaluate(upscale, benchmark_set)
            print(result, "\nbicubic", evaluate(bicubic(scale), benchmark_set), sep="\n")  # noqa: T201
            measured[name] = (round(result.psnr, 4), round(result.ssim, 4))
        presets.register_preset(flags.name, file, multiply_accumulates=multiply_accumulates(model), measured=measured)


if __name__ == "__main__":
    main()
