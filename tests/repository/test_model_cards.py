"""The numbers on the model cards in zoo/ are those of the networks."""

import importlib
import math
import re
import shutil
import sys
from pathlib import Path

import pytest
from architectures import ARCHITECTURES, each_architecture

from keras_lisr.evaluation import multiply_accumulates, parameters
from keras_lisr.graph.receptive_field import receptive_field_radius
from keras_lisr.zoo.skeleton import ATTENTIONS

ROOT = Path(__file__).parents[2]
CARDS = ROOT / "zoo"
NAMES = {architecture.name for architecture in ARCHITECTURES}


def tables(file):
    """The tables of a card, each as a dictionary of rows by their first cell, of cells by their heading."""
    found, heading = [], None
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            heading = None
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if heading is None:
            heading = cells
            found.append({})
        elif not set(line) <= set("|-: "):
            found[-1][cells[0].strip("`")] = dict(zip(heading[1:], cells[1:], strict=True))
    return found


def row(name, scale, column):
    """The row of a scale in the table that has such a column."""
    return next(rows[f"×{scale}"] for rows in tables(CARDS / f"{name}.md") if column in rows.get(f"×{scale}", {}))


def test_every_architecture_has_a_card():
    assert {file.stem for file in CARDS.glob("*.md")} - {"README"} >= NAMES
    assert set(index()) == NAMES


@pytest.mark.parametrize("scale", [2, 3, 4])
@each_architecture
def test_parameters(architecture, scale):
    """They are those of tests/architectures.py, which tests/conformance counts."""
    counts = architecture.parameters[scale]
    expected = {"plain": counts.plain, "GGAS": counts.ggas, "GGAS folded": counts.ggas_folded}
    expected |= {"CWSS": counts.cwss, "both": counts.cwss and counts.ggas + counts.cwss - counts.plain}
    printed = {column: f"{count:,}" if count else "none" for column, count in expected.items()}
    assert row(architecture.name, scale, "plain") == printed


@pytest.mark.parametrize(
    ("architecture", "scale"),
    [
        pytest.param(
            architecture,
            scale,
            id=f"{architecture.name}-x{scale}",
            marks=[pytest.mark.slow] if architecture.name == "rcan" or scale != 4 else [],
        )
        for architecture in ARCHITECTURES
        for scale in architecture.parameters
    ],
)
def test_arithmetic_and_halo(architecture, scale):
    printed = row(architecture.name, scale, "halo (plain)")
    for strategy, ggas in (("plain", False), ("GGAS", True)):
        model = architecture.build(scale, ggas=ggas)
        billions = multiply_accumulates(model, scale, scale) * 1280 * 720 / scale**2 / 1e9
        assert printed[f"multiply-accumulates ({strategy})"] == f"{billions:.1f} G"
        halo = receptive_field_radius(model)
        assert printed[f"halo ({strategy})"] == ("whole picture" if math.isinf(halo) else str(halo))


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_attention_of_table_1(attention):
    rows = next(rows for rows in tables(CARDS / "shallow_edsr.md") if set(rows) == set(ATTENTIONS))
    layer = ATTENTIONS[attention]()
    layer.build((None, None, None, 64))
    (plain,) = (one.parameters[4].plain for one in ARCHITECTURES if one.name == "shallow_edsr")
    assert rows[attention]["in every block"] == f"{plain + 8 * parameters(layer):,}"
    assert rows[attention]["single"] == f"{plain + parameters(layer):,}"


@each_architecture
def test_published_deltas(architecture):
    """The paper's differences are added to its base."""
    for rows in tables(CARDS / f"{architecture.name}.md"):
        base, *others = rows.values()
        for cells in others:
            for column, cell in cells.items():
                if delta := re.search(r"^([\d.]+) \(\+([\d.]+)\)", cell):
                    start = float(base[column].split(" / ")[0])
                    assert float(delta[1]) == pytest.approx(start + float(delta[2]), abs=1e-6), (column, cell)


def test_measured_is_what_the_index_of_presets_says(monkeypatch, tmp_path):
    """Nothing changes where zoo/measure.py writes the tables again."""
    monkeypatch.syspath_prepend(CARDS)
    measure_presets = importlib.import_module("measure")
    shutil.copytree(CARDS, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(measure_presets, "ZOO", tmp_path)
    pages = {name: getattr(measure_presets, name) for name in ("README", "SPEED")}
    for name, page in pages.items():
        (tmp_path / name).mkdir()
        monkeypatch.setattr(measure_presets, name, Path(shutil.copy(page, tmp_path / name)))
    monkeypatch.setattr(sys, "argv", ["measure.py"])
    assert {file.stem for file in measure_presets.cards()} == NAMES
    measure_presets.main()
    for name, page in pages.items():
        assert getattr(measure_presets, name).read_text(encoding="utf-8") == page.read_text(encoding="utf-8")
    for file in CARDS.glob("*.md"):
        assert (tmp_path / file.name).read_text(encoding="utf-8") == file.read_text(encoding="utf-8")


@each_architecture
def test_training_command(architecture):
    text = (CARDS / f"{architecture.name}.md").read_text(encoding="utf-8")
    assert re.search(rf"^python training/{architecture.name}\.py --", text, re.MULTILINE)
    assert (ROOT / "training" / f"{architecture.name}.py").is_file()


def index():
    """The table of zoo/README.md, by the name that each row links."""
    rows = tables(CARDS / "README.md")[0]
    links = {re.fullmatch(r"\[(\w+)\]\((\w+)\.md\)", cell): cells for cell, cells in rows.items()}
    assert all(link and link[1] == link[2] for link in links)
    return {link[1]: cells for link, cells in links.items()}


@each_architecture
def test_index(architecture):
    cells, card = index()[architecture.name], row(architecture.name, 4, "halo (plain)")
    assert cells["parameters"] == f"{architecture.parameters[4].plain:,}"
    assert cells["multiply-accumulates"] == card["multiply-accumulates (plain)"]
    assert cells["halo"] == card["halo (plain)"]
