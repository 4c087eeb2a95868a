"""Every network computes what it computed when the stored values were made, on every backend.

The weights are assigned from a range, so that initializers can change without touching the values. After a change that
is meant to alter what a network computes, store them anew with

    PYTHONPATH=tests python tests/conformance/test_goldens.py
"""

import json
from pathlib import Path

import numpy as np
import pytest
from architectures import ARCHITECTURES
from reference import assert_close, assign_waves, picture, to_numpy

FILE = Path(__file__).with_name("goldens.json")
INPUT = picture(2, 16, 17, 3)

CASES = {
    f"{architecture.name}-x{scale}-{name}": (architecture, scale, options)
    for architecture in ARCHITECTURES
    for scale in architecture.parameters
    for name, options in architecture.options().items()
    if scale == 4 or name == "plain"
}


def compute(architecture, scale, options) -> dict[str, list[float]]:
    """A few values from all over the output, and its mean and standard deviation."""
    model = architecture.build_tiny(scale, **options)
    assign_waves(model)
    output = to_numpy(model(INPUT, training=False)).astype(np.float64)
    values = output.ravel()[np.linspace(0, output.size - 1, 9).astype(int)]
    return {"values": np.round(values, 6).tolist(), "statistics": np.round([output.mean(), output.std()], 6).tolist()}


@pytest.mark.parametrize("name", CASES)
def test_golden(name):
    stored = json.loads(FILE.read_text())[name]
    # Values that could hide a difference of 1e-4 are no test.
    assert 0.05 < stored["statistics"][1] < 5
    assert len(set(stored["values"])) == len(stored["values"])
    assert np.abs(stored["values"]).max() < 10
    computed = compute(*CASES[name])
    assert_close(computed["values"], stored["values"], atol=1e-4)
    assert_close(computed["statistics"], stored["statistics"], atol=1e-4)


def test_nothing_else_is_stored():
    assert list(json.loads(FILE.read_text())) == list(CASES)


def test_options_differ():
    stored = json.loads(FILE.read_text())
    for architecture in ARCHITECTURES:
        values = [stored[f"{architecture.name}-x4-{name}"]["values"] for name in architecture.options()]
        for i, one in enumerate(values):
            for other in values[:i]:
                assert np.abs(np.subtract(one, other)).max() > 1e-3


if __name__ == "__main__":
    goldens = {name: compute(*case) for name, case in CASES.items()}
    rows = (f"  {json.dumps(name)}: {json.dumps(golden)}" for name, golden in goldens.items())
    FILE.write_text("{\n" + ",\n".join(rows) + "\n}\n")
