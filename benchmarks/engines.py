"""What a preset takes in each engine: start, memory, and seconds for a picture.

Each engine has a process of its own, which is started once and then asked for one picture after the other; all take
turns, round after round, and the table gives the median of each. The start is the time until a process has upscaled its
first picture, of 16 x 16 pixels, and memory the most that it held.

    python -m benchmarks.engines
    python -m benchmarks.engines fsrcnn_x4 --engines "LiteRT float32" "LiteRT int8" --threads 1
"""

import argparse
import importlib.metadata
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

# By name: Keras's backend, then engine and precision of the command. A suffix is that of a file exported for it.
ENGINES = {
    "LiteRT float32": ("tensorflow", "litert", "float32"),
    "LiteRT int8": ("tensorflow", "litert", "int8"),
    "OpenVINO float32": ("tensorflow", "openvino", "float32"),
    "OpenVINO bfloat16": ("tensorflow", "openvino", "bfloat16"),
    "OpenVINO float32, .xml": ("tensorflow", "openvino", "float32"),
    "OpenVINO bfloat16, .xml": ("tensorflow", "openvino", "bfloat16"),
    "ONNX Runtime float32, .onnx": ("tensorflow", "onnxruntime", "float32"),
    "TensorFlow float32": ("tensorflow", "tensorflow", "float32"),
    "TensorFlow bfloat16": ("tensorflow", "tensorflow", "bfloat16"),
    "PyTorch float32": ("torch", "tensorflow", "float32"),
    "PyTorch bfloat16": ("torch", "tensorflow", "bfloat16"),
}
PACKAGES = ("ai-edge-litert", "openvino", "onnxruntime", "tensorflow", "tensorflow-cpu", "torch", "keras")
TINY = (16, 16, 3)


def serve(model: str, engine: str, precision: str, threads: int) -> None:
    """Upscales a picture of the size that each line of standard input says, and says what that took."""
    begin = time.perf_counter()
    import numpy as np

    from keras_lisr.basics.silent_start import silent_start
    from keras_lisr.batch import Plan

    with silent_start():
        if engine == "tensorflow" and os.environ["KERAS_BACKEND"] == "torch":
            import torch

            torch.set_num_threads(threads)
        upscale = Plan(engine=engine, precision=precision).load(model, threads)
        upscale(np.zeros(TINY, np.uint8))
    print(json.dumps({"start": time.perf_counter() - begin}), flush=True)
    for line in sys.stdin:
        picture = np.random.default_rng(0).integers(256, size=json.loads(line), dtype=np.uint8)
        begin = time.perf_counter()
        upscale(picture)
        seconds = time.perf_counter() - begin
        print(json.dumps({"seconds": seconds, "memory": peak_memory()}), flush=True)


def peak_memory() -> float:
    """The most MiB that this process has held, on Linux. What `resource` tells counts those of the parent in."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s*(\d+)", status)[0]) / 1024


class Server:
    """A process that upscales with one engine.

    Args:
        name: One of `ENGINES`.
        model: Preset or file.
        threads: How many it may use.
    """

    def __init__(self, name: str, model: str, threads: int):
        backend, engine, precision = ENGINES[name]
        limited = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"), str(threads))
        command = [sys.executable, "-m", "benchmarks.engines", model, "--serve", engine, precision]
        self.process = subprocess.Popen(
            [*command, "--threads", str(threads)],
            env={**os.environ, **limited, "KERAS_BACKEND": backend, "TF_ENABLE_ONEDNN_OPTS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.start = self.answer()["start"]

    def answer(self) -> dict[str, float]:
        """What the process says next."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the engine is not installed, or cannot run this model")
        return json.loads(line)

    def __call__(self, height: int, width: int) -> dict[str, float]:
        """Upscales one picture."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{json.dumps([height, width, 3])}\n")
        self.process.stdin.flush()
        return self.answer()


def export(preset: str, folder: Path) -> dict[str, str]:
    """Writes the files that only some engines read, by their suffix."""
    from keras_lisr.export import export_model
    from keras_lisr.zoo import from_preset

    files = {}
    for suffix in (".onnx", ".xml"):
        files[suffix] = str(folder / f"{preset}{suffix}")
        export_model(from_preset(preset), files[suffix], verify=False)
    return files


def model_of(name: str, preset: str, files: dict[str, str]) -> str:
    """The preset, or the file that the name of an engine ends in."""
    return files.get(name.rpartition(", ")[2], preset)


def describe_machine(threads: int) -> str:
    """Processor, its special instructions, and versions."""
    from keras_lisr.basics.processor import processor_has, read_cpuinfo

    names = re.findall(r"model name\s*: (.*)", read_cpuinfo()) or [platform.processor()]
    known = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    instructions = ", ".join(filter(processor_has, known))
    return f"{names[0]} ({instructions}), {threads} threads, {platform.system()}; {', '.join(versions)}"


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preset", nargs="?", default="imdn_x4")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES), metavar="ENGINE")
    parser.add_argument("--size", nargs=2, type=int, default=(180, 320), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.serve:
        return serve(flags.preset, *flags.serve, flags.threads)
    height, width = flags.size
    print(f"`{flags.preset}`, {width} x {height} pixels; {describe_machine(flags.threads)}\n")
    servers: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        files = export(flags.preset, Path(folder)) if any(", ." in name for name in flags.engines) else {}
        for name in flags.engines:
            try:
                servers[name] = Server(name, model_of(name, flags.preset, files), flags.threads)
            except RuntimeError as error:
                print(f"{name}: {error}", file=sys.stderr)
        taken: dict[str, list[dict[str, float]]] = {name: [] for name in servers}
        for _ in range(flags.rounds + 1):  # The first prepares some engines for that size.
            for name, server in servers.items():
                taken[name].append(server(height, width))
    seconds = {name: statistics.median(each["seconds"] for each in rounds[1:]) for name, rounds in taken.items()}
    print("| engine | start | picture | a megapixel in | over the fastest | memory |\n| --- |" + " ---: |" * 5)
    for name, server in servers.items():
        time_of = seconds[name]
        same = [other for other in seconds if other.split(",")[0].split()[-1] == name.split(",")[0].split()[-1]]
        ratio = time_of / min(seconds[other] for other in same)
        memory = taken[name][-1]["memory"]
        cells = [f"{server.start:.2f} s", f"{1000 * time_of:.0f} ms", f"{time_of * 1e6 / (height * width):.1f} s"]
        print(f"| {' | '.join([name, *cells, f'{ratio:.2f}', f'{memory:.0f} MiB'])} |")


if __name__ == "__main__":
    main()
