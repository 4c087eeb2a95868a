import csv
import json

import numpy as np
import pytest
from command_line import run

from keras_lisr.data import BenchmarkSet
from keras_lisr.evaluation import bicubic, evaluate
from keras_lisr.inference import Upscaler
from keras_lisr.pictures import Picture, write_picture
from keras_lisr.zoo import from_preset


@pytest.fixture
def tiny(tmp_path, picture):
    """A set of two images, in a root of sets; and the presets of the fixture `picture`."""
    for seed, name in enumerate(("first", "second")):
        pixels = np.random.default_rng(seed).integers(0, 256, (33, 42, 3), dtype=np.uint8)
        (tmp_path / "root" / "Tiny" / "HR").mkdir(parents=True, exist_ok=True)
        write_picture(Picture(pixels), tmp_path / "root" / "Tiny" / "HR" / f"{name}.png")
    return tmp_path / "root" / "Tiny"


def test_models_are_measured_beside_bicubic(tiny, tmp_path, capsys):
    files = [tmp_path / f"results.{suffix}" for suffix in ("json", "csv", "md")]
    outputs = ["--json", files[0], "--csv", files[1], "--markdown", files[2]]
    flags = ["--precision", "float32", *outputs]
    assert run("evaluate", "tiny_x2", "imdn_x4", "--data", tiny, *flags) == 0
    printed, errors = capsys.readouterr()
    assert printed == files[2].read_text() and not errors
    entries = json.loads(files[0].read_text())
    assert [(entry["model"], entry["result"]["scale"]) for entry in entries] == [
        ("bicubic", 2), ("tiny_x2", 2), ("bicubic", 4), ("imdn_x4", 4),
    ]  # fmt: skip
    expected = {
        0: evaluate(bicubic(2), BenchmarkSet(tiny, 2)),
        3: evaluate(Upscaler(from_preset("imdn_x4"), precision="float32"), BenchmarkSet(tiny, 4)),
    }
    for i, result in expected.items():
        assert entries[i]["mean"]["psnr"] == result.psnr and entries[i]["mean"]["rgb_ssim"] == result.mean.rgb_ssim
    assert len(list(csv.DictReader(files[1].read_text().splitlines()))) == 8
    assert "## Tiny ×2" in printed and "low resolution: imresize" in printed and "shave 4" in printed


def test_sets_have_names_and_bicubic_needs_no_model(tiny, capsys):
    assert run("evaluate", "--data", "tiny", "--data-root", tiny.parent, "--scale", 3, "--rounded-luma") == 0
    printed = capsys.readouterr().out
    assert "## Tiny ×3" in printed and "rounded luma" in printed and "| bicubic | | |" in printed


def test_the_self_ensemble_is_a_row_of_its_own(tiny, tmp_path):
    assert run("evaluate", "tiny_x2", "--self-ensemble", "--data", tiny, "--json", tmp_path / "f.json") == 0
    bicubic, plain, ensemble = json.loads((tmp_path / "f.json").read_text())
    assert ensemble["model"] == "tiny_x2, self-ensemble"
    assert ensemble["multiply_accumulates"] == 8 * plain["multiply_accumulates"]
    assert ensemble["mean"]["psnr"] != plain["mean"]["psnr"]


def test_a_broken_image_is_named_skipped_and_told_by_the_exit_code(tiny, capsys):
    (tiny / "HR" / "broken.png").write_bytes(b"no picture")
    assert run("evaluate", "--data", tiny, "--scale", 2) == 1
    printed, errors = capsys.readouterr()
    assert errors.startswith("keras-lisr: skipped broken.png of Tiny: ") and errors.count("\n") == 1
    assert "2 images" in printed and "Skipped by bicubic: broken.png" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "TINY"], "`scale`"),
        (["large", "--data", "TINY"], "`name`"),
        (["tiny_x2", "--data", "set99", "--data-root", "."], "data='set99'"),
        (["tiny_x2", "--data", "TINY", "--scale", "4"], "`scale`"),
        (["tiny_x2", "--data", "TINY", "--json", "missing/f.json"], "`path`"),
        (["tiny_x2", "--data", "TINY", "--json", "f", "--csv", "f"], "must differ"),
        (["tiny_x2", "--data", "TINY", "--shave", "-1"], "`shave`"),
        (["tiny_x2", "--data", "EMPTY"], "must hold images"),
    ],
)
def test_errors_are_one_line_and_exit_code_2(tiny, tmp_path, capsys, arguments, message):
    (tmp_path / "empty").mkdir()
    paths = {"TINY": tiny, "EMPTY": tmp_path / "empty"}
    assert run("evaluate", *(paths.get(argument, argument) for argument in arguments)) == 2
    printed, errors = capsys.readouterr()
    assert message in errors and errors.count("\n") == 1 and not printed


def test_sets_of_the_same_name_are_told_apart_and_each_is_measured_once(tiny, tmp_path):
    (tmp_path / "other" / "Tiny").mkdir(parents=True)
    write_picture(Picture(np.zeros((32, 32, 3), np.uint8)), tmp_path / "other" / "Tiny" / "x.png")
    folders = [tiny, tmp_path / "other" / "Tiny", tiny]
    assert run("evaluate", "tiny_x2", "tiny_x2", "--data", *folders, "--json", tmp_path / "f.json") == 0
    entries = json.loads((tmp_path / "f.json").read_text())
    assert [entry["result"]["set_name"] for entry in entries] == [str(folders[0])] * 2 + [str(folders[1])] * 2


def test_a_set_that_cannot_be_measured_does_not_cost_the_others(tiny, tmp_path, capsys):
    (tmp_path / "Broken").mkdir()
    (tmp_path / "Broken" / "a.png").write_text("no picture")
    assert run("evaluate", "tiny_x2", "--data", tmp_path / "Broken", tiny, "--json", tmp_path / "f.json") == 1
    printed, errors = capsys.readouterr()
    assert "## Tiny ×2" in printed and "## Broken" not in printed
    assert "keras-lisr: not measured: Broken x2 by bicubic: " in errors
    assert "keras-lisr: not measured: Broken x2 by tiny_x2: " in errors
    assert [entry["model"] for entry in json.loads((tmp_path / "f.json").read_text())] == ["bicubic", "tiny_x2"]
