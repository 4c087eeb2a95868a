"""How many pictures a second one and two workers of a Ray cluster upscale, beside a single process without Ray.

Each node is one of its own on this machine, with as many processors as the table says; the machine should do nothing
else. The rate counts from when all workers have told their first pictures: what starting Ray and loading the model
takes stands beside it.

python -m benchmarks.ray_workers
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from keras_lisr.basics.preset_index import DEFAULT_PRESET
from keras_lisr.basics.silent_start import silent_start
from keras_lisr.batch import Plan, Task, Worker, connect, find_jobs, run_jobs, run_on_ray

ROOT = Path(__file__).parents[1]
PLAN = Plan(precision="float32")  # By default, each process measures what is faster.


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=48)
    parser.add_argument("--height", type=int, default=180)
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--model", default=DEFAULT_PRESET)
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_pictures(folder / "in", flags.pictures, flags.height, flags.width)
        size = f"{flags.width} x {flags.height}"
        print(f"{flags.pictures} pictures of {size} pixels, {flags.model}, {os.cpu_count()} processors\n")
        print("| workers | nodes | threads of each | pictures/s | seconds until all work |")
        print("| --- | --- | ---: | ---: | ---: |")
        with silent_start():
            worker = Worker(PLAN.load(flags.model), PLAN)
        report("none: a single process", "", os.cpu_count() or 1, 1, run_jobs(jobs_of(folder, "alone"), worker))
        del worker
        for workers, nodes, cpus in ((1, 1, 1), (2, 2, 1), (1, 1, 2), (2, 1, 2)):
            with cluster(nodes, cpus) as address, connect(address):
                jobs = jobs_of(folder, f"{workers}_{nodes}_{cpus}")
                tasks = run_on_ray(jobs, flags.model, PLAN, workers=workers)
                report(str(workers), str(nodes), cpus * nodes // workers, workers, tasks)


def make_pictures(folder: Path, count: int, height: int, width: int) -> None:
    """Pieces of the sample that comes with the package, enlarged where it is too small, as JPEG."""
    folder.mkdir()
    with Image.open(ROOT / "samples" / "lanterns.png") as image:
        factor = max(height / image.height, width / image.width, 1) * 1.25
        sample = image.convert("RGB").resize((round(image.width * factor), round(image.height * factor)))
    random = np.random.default_rng(0)
    for i in range(count):
        left, top = random.integers(0, sample.width - width), random.integers(0, sample.height - height)
        sample.crop((left, top, left + width, top + height)).save(folder / f"{i:04}.jpg", quality=95)


def jobs_of(folder: Path, name: str) -> list:
    """The pictures, with results in a folder of that name."""
    return find_jobs([folder / "in"], folder / name)


@contextmanager
def cluster(nodes: int, cpus: int) -> Iterator[str]:
    """A cluster of several nodes on this machine: its address."""
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_DEDUP_LOGS_SKIP_REGEX"] = "."
    from ray.cluster_utils import Cluster

    made = Cluster()
    try:
        with silent_start():
            for _ in range(nodes):
                made.add_node(num_cpus=cpus, include_dashboard=False)
            made.wait_for_nodes()
        yield made.address
    finally:
        made.shutdown()


def report(workers: str, nodes: str, threads: int, warm: int, tasks: Iterable[Task]) -> None:
    """Prints a row.

    Args:
        workers: How many.
        nodes: On how many nodes.
        threads: Of each worker.
        warm: Pictures after which the rate counts, at twice as many.
        tasks: What becomes of the pictures.
    """
    began = time.perf_counter()
    told = []
    for task in tasks:
        assert task.status == "written", task.error
        told.append(time.perf_counter())
    first = 2 * warm
    rate = (len(told) - first - 1) / (told[-1] - told[first])
    print(f"| {workers} | {nodes} | {threads} | {rate:.2f} | {told[first] - began:.1f} |", flush=True)


if __name__ == "__main__":
    main()
