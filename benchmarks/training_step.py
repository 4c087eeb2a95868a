"""Seconds of a training step: this project against plain PyTorch, and what GGAS and CWSS add.

EDSR-baseline x4, 16 patches of 48 -> 192 pixels, L1, Adam. Every setting runs in a process of its own, one after the
other and round after round, so that what else the machine does meets them all; the table gives the median step.

python -m benchmarks.training_step
python -m benchmarks.training_step --rounds 3 --settings "tensorflow float32" "pytorch float32 channels-last"
"""

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np

from keras_lisr.inference.precision import fast_bfloat16

SCALE = 4
PATCH_SIZE = 48
BATCH_SIZE = 16
LEARNING_RATE = 1e-4
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
    parser.add_argument("--steps", type=int, default=5, help="timed steps a round, after two that are not")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.child:
        seconds = itertools.islice(step_times(flags.child, flags.batch_size), 2, 2 + flags.steps)
        print(*seconds)
        return
    if flags.settings is None:
        settings = [setting for setting in SETTINGS if "bfloat16" not in setting or fast_bfloat16()]
    else:
        settings = [setting for setting in SETTINGS if setting.startswith(tuple(flags.settings))]
    seconds: dict[str, list[float]] = {setting: [] for setting in settings}
    for _, setting in itertools.product(range(flags.rounds), settings):
        seconds[setting] += measure_steps(setting, flags.steps, flags.batch_size)
    print_table({setting: statistics.median(times) for setting, times in seconds.items() if times})


def measure_steps(setting: str, steps: int, batch_size: int) -> list[float]:
    """Measures the seconds of each timed step in a fresh process, none where the setting cannot run here."""
    command = [sys.executable, "-m", "benchmarks.training_step", "--child", setting]
    child = subprocess.run(
        [*command, "--steps", str(steps), "--batch-size", str(batch_size)],
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


def step_times(setting: str, batch_size: int) -> Iterator[float]:
    """Seconds of each step of a setting, endlessly."""
    framework, precision, variant = setting.split(maxsplit=2)
    random = np.random.default_rng(0)
    size = PATCH_SIZE * SCALE
    low_resolution = random.random((batch_size, PATCH_SIZE, PATCH_SIZE, 3), "float32")
    high_resolution = random.random((batch_size, size, size, 3), "float32")
    if framework == "tensorflow":
        step = tensorflow_step(precision, variant, low_resolution, high_resolution)
    else:
        step = pytorch_step(precision, variant, low_resolution, high_resolution)
    while True:
        start = time.perf_counter()
        step()
        yield time.perf_counter() - start


def tensorflow_step(
    precision: str, variant: str, low_resolution: np.ndarray, high_resolution: np.ndarray
) -> Callable[[], None]:
    """The step of `fit`, with the moving average of the weights."""
    from functools import partial
    from pathlib import Path

    from keras_lisr.training import Recipe, halving
    from keras_lisr.training.distribution import Group
    from keras_lisr.training.fit import Run
    from keras_lisr.zoo import edsr_baseline

    recipe = Recipe(
        build=partial(edsr_baseline, SCALE, **STRATEGIES[variant]),
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
    precision: str, variant: str, low_resolution: np.ndarray, high_resolution: np.ndarray
) -> Callable[[], None]:
    """The loop that PyTorch's users write, around the same network."""
    import torch
    from torch import nn

    class ResidualBlock(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(True), nn.Conv2d(64, 64, 3, padding=1))

        def forward(self, features):
            return features + self.body(features)

    class EDSR(nn.Module):
        def __init__(self):
            super().__init__()
            self.shallow = nn.Conv2d(3, 64, 3, padding=1)
            self.trunk = nn.Sequential(*(ResidualBlock() for _ in range(16)), nn.Conv2d(64, 64, 3, padding=1))
            stages = [[nn.Conv2d(64, 256, 3, padding=1), nn.PixelShuffle(2)] for _ in range(2)]
            self.tail = nn.Sequential(*itertools.chain(*stages), nn.Conv2d(64, 3, 3, padding=1))

        def forward(self, image):
            shallow = self.shallow(image)
            return self.tail(self.trunk(shallow) + shallow)

    layout = torch.channels_last if "channels-last" in variant else torch.contiguous_format
    network = EDSR().to(memory_format=layout)
    batch, target = (
        torch.from_numpy(array).permute(0, 3, 1, 2).contiguous(memory_format=layout)
        for array in (low_resolution, high_resolution)
    )
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    forward = torch.compile(network) if "compiled" in variant else network

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
