"""What GGAS and CWSS add to the time of a picture, before and after folding.

A picture of 320 x 180 pixels becomes one of 1280 x 720. All networks of one engine are loaded, and run one after the
other and round after round; the table gives the median of the ratios to the plain network in the same round.

python -m benchmarks.strategies
python -m benchmarks.strategies --networks imdn --engines "LiteRT int8" --rounds 15
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import keras
import numpy as np

from keras_lisr import zoo
from keras_lisr.basics.export_options import ExportOptions
from keras_lisr.export import fold
from keras_lisr.export.litert import write_litert
from keras_lisr.export.openvino import write_openvino
from keras_lisr.exported import LiteRTNetwork
from keras_lisr.exported.openvino import OpenVINONetwork
from keras_lisr.graph.cast import cast_model

HEIGHT, WIDTH = 180, 320
THREADS = 2
Engine = Callable[[keras.Model, Path], Callable[[np.ndarray], object]]


def litert(model: keras.Model, folder: Path, quantize: str) -> Callable[[np.ndarray], object]:
    """A static LiteRT file's network."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    pictures = [noise] if quantize == "int8" else None  # Times do not depend on the ranges.
    size = (HEIGHT, WIDTH)
    options = ExportOptions(folder / "network.tflite", quantize=quantize, shape=size, representative=pictures)
    write_litert(model, options)
    return LiteRTNetwork(options.path, threads=THREADS)


def tensorflow(model: keras.Model, folder: Path, precision: str) -> Callable[[np.ndarray], object]:
    """The network as a TensorFlow function."""
    import tensorflow as tf

    model = cast_model(model, precision)
    function = tf.function(lambda picture: model(picture, training=False), jit_compile=False)
    return lambda picture: function(tf.constant(picture)).numpy()


def openvino(model: keras.Model, folder: Path, precision: str) -> Callable[[np.ndarray], object]:
    """An OpenVINO file's network."""
    path = folder / "network.xml"
    write_openvino(model, path)
    return OpenVINONetwork(path, precision=precision)


ENGINES: dict[str, Engine] = {
    "LiteRT float32": partial(litert, quantize="none"),
    "LiteRT int8": partial(litert, quantize="int8"),
    "TensorFlow float32": partial(tensorflow, precision="float32"),
    "TensorFlow bfloat16": partial(tensorflow, precision="bfloat16"),
    "OpenVINO float32": partial(openvino, precision="float32"),
    "OpenVINO bfloat16": partial(openvino, precision="bfloat16"),
}


def variants(network: str) -> dict[str, keras.Model]:
    """The plain network, with each strategy as it was trained, and with both folded."""
    build = getattr(zoo, network)
    strategies = {"GGAS": {"ggas": True}, "CWSS": {"cwss": True}, "both": {"ggas": True, "cwss": True}}
    models = {"plain": build(4), **{name: build(4, **options) for name, options in strategies.items()}}
    for name, model in models.items():
        if name in ("CWSS", "both"):  # Alphas of 1 would be left out by some engines.
            for weight in model.weights:
                if weight.path.endswith("_alpha/alpha"):
                    weight.assign(np.random.default_rng(0).uniform(0.7, 1.2, weight.shape))
    return {**models, "GGAS folded": fold(models["GGAS"]), "both folded": fold(models["both"])}


def measure(network: str, engine: Engine, rounds: int) -> dict[str, list[float]]:
    """Seconds of each variant in each round."""
    with tempfile.TemporaryDirectory() as folder:
        runs = {}
        for name, model in variants(network).items():
            own = Path(folder) / name.replace(" ", "_")
            own.mkdir()
            runs[name] = engine(model, own)
        picture = np.random.default_rng(0).random((1, HEIGHT, WIDTH, 3), np.float32)
        seconds: dict[str, list[float]] = {name: [] for name in runs}
        for i in range(rounds + 1):
            for name, run in runs.items():
                batch = picture
                if getattr(run, "dtype", None) == np.int8:
                    batch = (picture * 255 - 128).astype(np.int8)
                start = time.perf_counter()
                run(batch)
                if i:  # The first round warms up.
                    seconds[name].append(time.perf_counter() - start)
    return seconds


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["edsr_baseline", "imdn"])
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--rounds", type=int, default=9)
    flags = parser.parse_args()
    for network in flags.networks:
        names = ["GGAS", "CWSS", "both", "GGAS folded", "both folded"]
        print(f"\n{network} x4, {WIDTH} x {HEIGHT} -> {4 * WIDTH} x {4 * HEIGHT}\n")
        print(f"| engine | plain | {' | '.join(names)} |\n| --- {'| ---: ' * (len(names) + 1)}|")
        for engine in flags.engines:
            seconds = measure(network, ENGINES[engine], flags.rounds)
            plain = seconds["plain"]
            ratios = [
                statistics.median(mine / yours for mine, yours in zip(seconds[name], plain, strict=True))
                for name in names
            ]
            cells = " | ".join(f"{100 * (ratio - 1):+.1f} %" for ratio in ratios)
            print(f"| {engine} | {1000 * statistics.median(plain):.0f} ms | {cells} |", flush=True)


if __name__ == "__main__":
    main()
