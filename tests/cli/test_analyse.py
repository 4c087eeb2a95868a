import json

import numpy as np
import pytest
from command_line import run
from PIL import Image

from keras_lisr import analysis, zoo
from keras_lisr.pictures import read_picture


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Two networks in files: one with both strategies, one without and of twice the blocks."""
    folder = tmp_path_factory.mktemp("networks")
    zoo.imdn(2, ggas=True, cwss=True, num_filters=8, num_blocks=2, attention=None).save(folder / "both.keras")
    zoo.edsr_baseline(2, num_filters=8, num_blocks=4).save(folder / "plain.keras")
    return folder


def is_picture(file):
    with Image.open(file) as image:
        return image.format == "PNG" and min(image.size) > 300


def test_spectra_are_drawn_and_their_discontinuities_counted(networks, picture, tmp_path, capsys):
    models = [networks / "both.keras", networks / "plain.keras"]
    files = [tmp_path / "figure.png", "--json", tmp_path / "f.json"]
    assert run("analyse", "spectrum", *models, picture, "-o", *files) == 0
    printed, errors = capsys.readouterr()
    stored = json.loads(files[2].read_text())
    outputs = analysis.block_outputs(zoo.load_model(models[1]), read_picture(picture).pixels)
    spectra = {name: analysis.power_spectrum(features) for name, features in outputs.items()}
    blocks = stored["models"]["plain.keras"]["blocks"]
    for name, spectrum in spectra.items():
        np.testing.assert_allclose(blocks[name]["power"], spectrum.power, rtol=1e-4)
    lost = analysis.discontinuities(spectra)
    assert stored["models"]["plain.keras"]["discontinuities"] == lost
    assert f"plain.keras: discontinuities: {len(lost)} of 3" in printed and "both.keras: discon" in printed
    assert stored["definition"] == "radial" and is_picture(files[0]) and not errors


def test_residuals_are_drawn_beside_a_reference(networks, picture, tmp_path, capsys):
    files = ["-o", tmp_path / "figure.png", "--json", tmp_path / "f.json"]
    reference = ["--reference", networks / "plain.keras"]
    assert run("analyse", "residuals", networks / "both.keras", picture, *reference, *files) == 0
    stored = json.loads((tmp_path / "f.json").read_text())
    assert list(stored["models"]) == ["both.keras", "plain.keras"] and stored["reference"] == "plain.keras"
    largest = max(stored["models"]["plain.keras"].values())
    above = [name for name, value in stored["models"]["both.keras"].items() if value > largest]
    assert stored["above_reference"] == {"both.keras": above, "plain.keras": []}
    assert "both.keras: 2 residual connections, largest mean " in capsys.readouterr().out
    assert is_picture(tmp_path / "figure.png")


def test_the_attention_map_is_drawn(networks, picture, tmp_path, capsys):
    files = ["-o", tmp_path / "figure.png", "--json", tmp_path / "f.json"]
    assert run("analyse", "attention", networks / "both.keras", picture, *files) == 0
    attention_map = analysis.attention_map(zoo.load_model(networks / "both.keras"), read_picture(picture).pixels)
    stored = json.loads((tmp_path / "f.json").read_text())
    np.testing.assert_allclose(stored["map"], attention_map.mean(axis=2), atol=1e-5)
    np.testing.assert_allclose(stored["channels"], attention_map.mean(axis=(0, 1)), atol=1e-5)
    assert "attention from 0." in capsys.readouterr().out and is_picture(tmp_path / "figure.png")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["spectrum", "BOTH", "PICTURE", "-o", "figure.bmp"], "OUT"),
        (["spectrum", "BOTH", "PICTURE", "-o", "missing/figure.png"], "`path`"),
        (["spectrum", "BOTH", "missing.png", "-o", "FIGURE"], "missing.png"),
        (["spectrum", "large", "PICTURE", "-o", "FIGURE"], "`name`"),
        (["attention", "PLAIN", "PICTURE", "-o", "FIGURE"], "must be built with GGAS"),
        (["attention", "BOTH", "PLAIN", "PICTURE", "-o", "FIGURE"], "MODEL"),
    ],
)
def test_errors_are_one_line_exit_code_2_and_no_file(networks, picture, tmp_path, capsys, arguments, message):
    paths = {"BOTH": networks / "both.keras", "PLAIN": networks / "plain.keras", "PICTURE": picture}
    paths["FIGURE"] = tmp_path / "figure.png"
    assert run("analyse", *(paths.get(argument, argument) for argument in arguments)) == 2
    printed, errors = capsys.readouterr()
    assert message in errors and errors.count("\n") == 1 and not printed
    assert not (tmp_path / "figure.png").exists()
