"""Do the paper's reasons hold? What happens inside trained cells of the tables, on all pictures of a set.

Of each cell, on the low resolution of each picture: how many of its blocks lose high frequencies (Fig. 1 and 5), the
mean residual over its residual connections (Fig. 2 and 6), and with GGAS the correlation of the attention map with
local contrast. Seeds are averaged; the table has means over the pictures with their 95 % t-intervals, and so the
differences to the first cell, picture by picture:

    python -m benchmarks.paper_reasons runs/presets/muon_originals/imdn runs/presets/muon_originals/imdn_GGAS

At which rate a network diverges, with and without CWSS, benchmarks/learning_rates.py tells.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from keras_lisr.analysis import attention_map, block_outputs, discontinuities, power_spectrum, residual_magnitude
from keras_lisr.data import BenchmarkSet, find_benchmark_set
from keras_lisr.zoo import load_model
from training.table_intervals import mean_interval, show

SCALE = 4


def count_losses(model: keras.Model, image: np.ndarray) -> float:
    """How many blocks lose high frequencies."""
    outputs = block_outputs(model, image)
    return len(discontinuities({name: power_spectrum(features) for name, features in outputs.items()}))


def mean_residual(model: keras.Model, image: np.ndarray) -> float:
    """The mean of |H_RL(x)| over the residual connections."""
    return float(np.mean(list(residual_magnitude(model, image).values())))


def correlate_attention(model: keras.Model, image: np.ndarray) -> float:
    """How the map, averaged over channels, goes with the size of the gradient of grey values: from -1 to 1."""
    contrast = np.hypot(*np.gradient(image.mean(axis=2)))
    return float(np.corrcoef(attention_map(model, image).mean(axis=2).ravel(), contrast.ravel())[0, 1])


MEASURES: dict[str, Callable[[keras.Model, np.ndarray], float]] = {
    "blocks that lose high frequencies": count_losses,
    "mean residual": mean_residual,
    "attention and local contrast, correlation": correlate_attention,
}


def measure(folder: Path, images: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Of each measure that the networks of a cell have, one value a picture, averaged over the seeds.

    Raises:
        ValueError: If no run of the cell has been trained.
    """
    models = [load_model(file) for file in sorted(folder.glob("seed_*/averaged.keras"))]
    if not models:
        raise ValueError(f"CELL must hold runs (seed_0/averaged.keras). Received: {str(folder)!r}")
    measured = {}
    for name, function in MEASURES.items():
        try:
            measured[name] = np.array([[function(model, image) for image in images] for model in models]).mean(axis=0)
        except ValueError:  # Without residual connections, or without GGAS.
            continue
    return measured


def table(cells: dict[str, dict[str, np.ndarray]]) -> str:
    """Means over the pictures, and differences to the first cell."""
    first = next(iter(cells.values()))
    lines = ["| measure | cell | mean | difference to the first |", "| --- | --- | ---: | ---: |"]
    for measure_name in MEASURES:
        for cell, measured in cells.items():
            if measure_name not in measured:
                continue
            mean, half = mean_interval(measured[measure_name].tolist())
            is_other = measured is not first and measure_name in first
            difference = mean_interval((measured[measure_name] - first[measure_name]).tolist()) if is_other else None
            shown = show(difference, 5) if difference else ""
            lines.append(f"| {measure_name} | {cell} | {mean:.5f} ± {half or 0:.5f} | {shown} |")
    return "\n".join(lines)


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cells", type=Path, nargs="+", metavar="CELL", help="folders of cells, the plain one first")
    parser.add_argument("--set", default="Set14", help="folder of a benchmark set, or its name")
    parser.add_argument("--data-root", type=Path, help="holds it (default: $KERAS_LISR_DATA)")
    flags = parser.parse_args()
    folder = find_benchmark_set(flags.set, flags.data_root)
    images = [image.low_resolution for image in BenchmarkSet(folder, SCALE)]
    print(table({cell.name: measure(cell, images) for cell in flags.cells}))


if __name__ == "__main__":
    main()
