"""The examples run from beginning to end, on real pictures."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from keras_lisr.zoo import from_preset, load_model

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.slow
def test_a_preset_is_fine_tuned_measured_and_exported(benchmarks, tmp_path):
    folders = benchmarks / "DIV2K_valid_part", benchmarks / "Set5", tmp_path
    command = [sys.executable, str(EXAMPLES / "fine_tune.py"), *map(str, folders)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    before, after = map(float, re.findall(r"([\d.]+) dB before, ([\d.]+) after", done.stdout)[0])
    assert before == pytest.approx(31.82, abs=0.02) and after == pytest.approx(before, abs=0.15) and before != after
    assert load_model(tmp_path / "network.keras").count_params() == from_preset("imdn_x4").count_params()
    with Image.open(tmp_path / "picture.png") as picture:
        assert picture.size == (512, 512)


NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_committed_without_outputs(notebook):
    cells = json.loads(notebook.read_text())["cells"]
    assert not [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")]


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("nbclient"), reason="needs nbclient: make test-slow")
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run_from_the_top(notebook, tmp_path):
    import nbformat
    from nbclient import NotebookClient

    book = nbformat.read(notebook, as_version=4)
    NotebookClient(book, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [
        output for cell in book.cells for output in cell.get("outputs", ()) if "image/png" in output.get("data", ())
    ]
    assert shown
