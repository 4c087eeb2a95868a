"""The paper's reasons, measured inside the cells that the tables have trained."""

import keras
import numpy as np
import pytest

from benchmarks import paper_reasons
from keras_lisr import analysis, zoo

TINY = {"num_filters": 8, "num_blocks": 3, "attention": None}


@pytest.fixture
def images():
    random = np.random.default_rng(0)
    return [random.integers(256, size=(16, 20, 3), dtype=np.uint8) for _ in range(3)]


@pytest.fixture
def cells(tmp_path):
    for cell, options in {"imdn": {}, "imdn_both": {"ggas": True, "cwss": True}}.items():
        for seed in (0, 1):
            keras.utils.set_random_seed(seed)
            (tmp_path / cell / f"seed_{seed}").mkdir(parents=True)
            zoo.imdn(4, **TINY, **options).save(tmp_path / cell / f"seed_{seed}" / "averaged.keras")
    return [tmp_path / "imdn", tmp_path / "imdn_both"]


def test_means_over_seeds_and_differences_over_pictures(cells, images):
    plain, both = (paper_reasons.measure(cell, images) for cell in cells)
    models = [zoo.load_model(file) for file in sorted(cells[1].glob("*/averaged.keras"))]
    residuals = [[np.mean(list(analysis.residual_magnitude(m, image).values())) for image in images] for m in models]
    np.testing.assert_allclose(both["mean residual"], np.mean(residuals, axis=0), rtol=1e-6)
    assert set(plain["blocks that lose high frequencies"]) <= {0, 0.5, 1, 1.5, 2}
    correlation = "attention and local contrast, correlation"
    assert correlation not in plain and np.all(np.abs(both[correlation]) <= 1)

    printed = paper_reasons.table({"imdn": plain, "imdn_both": both})
    difference = both["mean residual"] - plain["mean residual"]
    row = next(line for line in printed.splitlines() if line.startswith("| mean residual | imdn_both |"))
    assert f"{difference.mean():+.5f} ± {4.303 * difference.std(ddof=1) / 3**0.5:.5f}" in row
    assert printed.count("correlation") == 1


def test_a_folder_without_runs(tmp_path, images):
    with pytest.raises(ValueError, match="CELL"):
        paper_reasons.measure(tmp_path, images)
