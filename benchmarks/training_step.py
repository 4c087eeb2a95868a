"""Seconds of a training step: this project against plain PyTorch, and what GGAS and CWSS add.

A network at x4, 16 patches of 48 -> 192 pixels, L1, Adam. Every setting runs in a process of its own, one after the
other and round after round, so that what else the machine does meets them all; the table gives the median step.
PyTorch's networks are those that the importer of the authors' files is tested with.

python -m benchmarks.training_step
python -m benchmarks.training_step --network imdn --rounds 3 --settings "tensorflow float32" "pytorch float32 eager"
"""

import argparse
import itertools
import os
import runpy
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from keras_lisr.inference.precision import fast_bfloat16

OFFICIAL = Path(__file__).parents[1] / "tests" / "interop" / "official_networks.py"
SCALE = 4
PATCH_SIZE = 48
BATCH_SIZE = 16
LEARNING_RATE = 1e-4
# Of PyTorch's: the class, and what makes it full-size.
NETWORKS = {
    "edsr_baseline": ("Edsr", {"filters": 64, "blocks": 16}),
    "imdn": ("Imdn", {"filters": 64, "blocks": 6}),
    "carn": ("Carn", {"filters": 64, "blocks": 3}),
    "smfanet": ("Smfanet", {"filters": 48, "blocks": 12}),
}
PLAIN = "plain"
STRATEGIES = {
    PLAIN: {},
    "GGAS": {"ggas": True},
    "CWSS": {"cwss": True},
    "GGAS + CWSS": {"ggas": True, "cwss": True},
}
# Framework and precision, then how PyTorch is run, or the strategies that this project adds.
SETTINGS = [
    *(f"tensorflow {precision} {name}" for precision in ("float32", "bfloat16") for name in STRATEGIES),
    *(
        f"pytorch {precision} {variant}"
        for precision in ("float32", "bfloat16")
        for variant in ("eager", "channels-last", "compiled", "compiled channels-last")
    ),
]


def main() -> None:
    """Prints seconds a step of every setting, and ratios to this project's plain step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--settings",
        nargs="+",
        help="which, by the beginning of their names (default: all, bfloat16 where it is fast)",
    )
    parser.add_argument("--network", choices=NETWORKS, default="edsr_baseline")
    parser.add_argument("--steps", type=int, default=5, help="timed steps a round, after two that are not")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.child:
        seconds = itertools.islice(step_times(flags.child, flags.network, flags.batch_size), 2, 2 + flags.steps)
        print(*seconds)
        return
    if flags.settings is None:
        settings = [setting for setting in SETTINGS if "bfloat16" not in setting or fast_bfloat16()]
    else:
        settings = [setting for setting in SETTINGS if setting.startswith(tuple(flags.settings))]
    seconds: dict[str, list[float]] = {setting: [] for setting in settings}
    for _, setting in itertools.product(range(flags.rounds), settings):
        options = ["--network", flags.network, "--steps", str(flags.steps), "--batch-size", str(flags.batch_size)]
        seconds[setting] += measure_steps(setting, options)
    print_table({setting: statistics.median(times) for setting, times in seconds.items() if times})


def measure_steps(setting: str, options: list[str]) -> list[float]:
    """Measures the seconds of each timed step in a fresh process, none where the setting cannot run here."""
    command = [sys.executable, "-m", "benchmarks.training_step", "--child", setting]
    child = subprocess.run(
        [*command, *options],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    if child.returncode:
        print(f"{setting}: {child.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return []
    print(f"{setting}: {child.stdout.strip()}", file=sys.stderr)
    return [float(second) for second in child.stdout.split()]


def print_table(medians: dict[str, float]) -> None:
    """Markdown, with the times this project's plain step in the same precision takes goes into each setting's."""
    print("| setting | seconds a step | times our plain step |\n| --- | --- | --- |")
    for setting, seconds in medians.items():
        plain = medians.get(f"tensorflow {setting.split()[1]} {PLAIN}")
        print(f"| {setting} | {seconds:.3f} | {f'{seconds / plain:.2f}' if plain else ''} |")


def step_times(setting: str, network: str, batch_size: int) -> Iterator[float]:
    """Seconds of each step of a setting, endlessly."""
    framework, precision, variant = setting.split(maxsplit=2)
    random = np.random.default_rng(0)
    size = PATCH_SIZE * SCALE
    low_resolution = random.random((batch_size, PATCH_SIZE, PATCH_SIZE, 3), "float32")
    high_resolution = random.random((batch_size, size, size, 3), "float32")
    if framework == "tensorflow":
        step = tensorflow_step(network, precision, variant, low_resolution, high_resolution)
    else:
        step = pytorch_step(network, precision, variant, low_resolution, high_resolution)
    while True:
        start = time.perf_counter()
        step()
        yield time.perf_counter() - start


def tensorflow_step(
    network: str, precision: str, variant: str, low_resolution: np.ndarray, high_resolution: np.ndarray
) -> Callable[[], None]:
    """The step of `fit`, with the moving average of the weights."""
    from keras_lisr import zoo
    from keras_lisr.training import Recipe, halving
    from keras_lisr.training.distribution import Group
    from keras_lisr.training.fit import Run

    recipe = Recipe(
        build=partial(getattr(zoo, network), SCALE, **STRATEGIES[variant]),
        scale=SCALE,
        steps=1,
        learning_rate=LEARNING_RATE,
        schedule=halving(every=1.0),
        patch_size=PATCH_SIZE * SCALE,
    )
    policy = "float32" if precision == "float32" else "mixed_bfloat16"
    model = Run(recipe, Path(), policy, Group()).compile(None)

    return lambda: model.train_on_batch(low_resolution, high_resolution)


def pytorch_step(
    network: str, precision: str, variant: str, low_resolution: np.ndarray, high_resolution: np.ndarray
) -> Callable[[], None]:
    """The loop that PyTorch's users write, around the same network."""
    import torch
    from torch import nn

    name, size = NETWORKS[network]
    official = runpy.run_path(str(OFFICIAL))[name](SCALE, **size)
    layout = torch.channels_last if "channels-last" in variant else torch.contiguous_format
    official = official.to(memory_format=layout)
    batch, target = (
        torch.from_numpy(array).permute(0, 3, 1, 2).contiguous(memory_format=layout)
        for array in (low_resolution, high_resolution)
    )
    optimizer = torch.optim.Adam(official.parameters(), LEARNING_RATE)
    forward = torch.compile(official) if "compiled" in variant else official

    def step():
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            loss = nn.functional.l1_loss(forward(batch), target)
        loss.backward()
        optimizer.step()
        loss.item()

    return step


if __name__ == "__main__":
    main()
