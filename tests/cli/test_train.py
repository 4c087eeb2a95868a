import csv
import os
import subprocess
import sys

import numpy as np
import pytest
from command_line import run

from keras_lisr.pictures import Picture, write_picture

RECIPE = '''"""Tiny, and 99 dB."""
import sys
from functools import partial
from keras_lisr.training import Recipe, halving, main
from keras_lisr.zoo import fsrcnn

def recipe(scale: int = 2, *, ggas: bool = False):
    build = partial(fsrcnn, scale, ggas=ggas, num_filters=4, num_shrunk_filters=2, num_blocks=1)
    return Recipe(build=build, scale=scale, steps=2, learning_rate=1e-3, schedule=halving(every=0.5), patch_size=16,
                  batch_size=1)

if __name__ == "__main__":
    sys.exit(main(recipe))
'''


@pytest.fixture
def recipe(tmp_path):
    (tmp_path / "photographs").mkdir()
    for name in ("a", "b"):
        write_picture(Picture(np.full((20, 20, 3), 99, np.uint8)), tmp_path / "photographs" / f"{name}.png")
    (tmp_path / "tiny.py").write_text(RECIPE)
    return tmp_path / "tiny.py"


def test_train_is_the_recipes_own_command(recipe, tmp_path, capsys):
    flags = ["--scale", "2", "--ggas", "--data", tmp_path / "photographs", "--precision", "float32"]
    assert run("train", recipe, *flags, "--output", tmp_path / "by_command") == 0
    own = [sys.executable, str(recipe), *map(str, flags), "--output", str(tmp_path / "by_recipe")]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
    done = subprocess.run(own, check=True, capture_output=True, text=True, env=environment)
    said = done.stderr.replace("\r", "\n").splitlines()
    assert not done.stdout and all("low resolution" in line or "steps" in line or "step:" in line for line in said), (
        said
    )
    logs = []
    for name in ("by_command", "by_recipe"):
        with (tmp_path / name / "log.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        logs.append([{column: value for column, value in row.items() if column != "seconds"} for row in rows])
    assert logs[0] == logs[1] and len(logs[0]) == 1


def test_train_shows_the_recipes_flags(recipe, capsys):
    with pytest.raises(SystemExit) as stopped:
        run("train", recipe, "--help")
    shown = capsys.readouterr().out
    assert stopped.value.code == 0
    assert f"usage: keras-lisr train {recipe}" in shown and "99 dB" in shown and "--ggas" in shown


def test_errors_of_train_are_one_line_and_exit_code_2(recipe, tmp_path, capsys):
    (tmp_path / "other.py").write_text("x = 1")
    (tmp_path / "recipe.txt").write_text(RECIPE)
    for arguments, message in {
        ("nowhere.py",): "RECIPE must be a Python file such as training/imdn.py. Received: 'nowhere.py'",
        (tmp_path / "recipe.txt",): "RECIPE must be a Python file",
        (tmp_path / "other.py",): "RECIPE must define a function `recipe`",
        (recipe, "--data", "nowhere", "--output", tmp_path / "run"): "`folder` must be an existing folder",
    }.items():
        assert run("train", *arguments) == 2
        errors = capsys.readouterr().err
        assert message in errors and len(errors.strip().splitlines()) == 1
