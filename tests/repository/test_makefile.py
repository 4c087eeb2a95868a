"""`make test-all` goes on after a failure, and tells of each suite."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUITES = "good:\n\t@echo ran\nbad:\n\t@exit 3\nbetter:\n\t@echo ran, too\n"


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize(("suites", "failed"), [("good bad better", 1), ("good better", 0)])
def test_every_suite_is_run_and_told(tmp_path, suites, failed):
    (tmp_path / "suites.mk").write_text(SUITES)
    environment = os.environ | {"MAKEFILES": str(tmp_path / "suites.mk")}
    command = ["make", "-s", "test-all", f"SUITES={suites}"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    *_, summary = done.stdout.split("\n\n")
    lines = [re.sub(r" +", " ", line) for line in summary.splitlines()]
    told = {"good": "passed", "bad": "FAILED", "better": "passed"}
    assert [line.split()[:2] for line in lines] == [[suite, told[suite]] for suite in suites.split()]
    assert all(re.search(r" \d+ s$", line) for line in lines)
    assert (done.returncode != 0) == failed and "ran, too" in done.stdout


def test_the_missing_driver_of_a_gpu_fails_nothing():
    """PyTorch's usual build warns of it, and warnings are errors."""
    import warnings

    warnings.warn(
        "CUDA initialization: The NVIDIA driver on your system is too old (found version 11000).", UserWarning, 2
    )
