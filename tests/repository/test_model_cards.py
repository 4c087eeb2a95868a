"""The numbers on the model cards in zoo/ are those of the networks."""

import functools
import importlib
import inspect
import math
import re
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from keras_lisr import zoo
from keras_lisr.evaluation import multiply_accumulates, parameters
from keras_lisr.graph.receptive_field import receptive_field_radius
from keras_lisr.layers import ChannelWiseScale, GlobalAttentionBlock
from keras_lisr.zoo.skeleton import ATTENTIONS

ROOT = Path(__file__).parents[2]
CARDS = ROOT / "zoo"
# What every builder of a network takes first.
ARCHITECTURES = [
    name
    for name, builder in inspect.getmembers(zoo, inspect.isfunction)
    if next(iter(inspect.signature(builder).parameters)) == "scale"
]

each_architecture = pytest.mark.parametrize("name", ARCHITECTURES)
each_scale = pytest.mark.parametrize("scale", [2, 3, 4])


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


class Measured(NamedTuple):
    """Trainable parameters, those of them in parts; arithmetic for each low-resolution pixel; and the halo."""

    parameters: int
    attention: int
    attention_normalization: int
    alphas: int
    multiply_accumulates: int
    halo: float


def build(name, scale, ggas, cwss, **options):
    builder = getattr(zoo, name)
    if "cwss" in inspect.signature(builder).parameters:
        options["cwss"] = cwss
    return builder(scale, ggas=ggas, **options)


def measure(model, scale):
    blocks = [layer for layer in model.layers if isinstance(layer, GlobalAttentionBlock)]
    return Measured(
        parameters=parameters(model),
        attention=sum(map(parameters, blocks)),
        attention_normalization=sum(parameters(block.normalization) for block in blocks),
        alphas=sum(parameters(layer) for layer in model.layers if isinstance(layer, ChannelWiseScale)),
        multiply_accumulates=multiply_accumulates(model, scale, scale),
        halo=receptive_field_radius(model),
    )


@functools.cache
def measured(name, scale, both=False):
    """What the whole network costs, without building it where smaller ones tell: the slow test below does."""
    if scale != 4:
        # Scales differ in the upsampling only.
        whole, there, here = measured(name, 4, both), small(name, 4), small(name, scale)
        return Measured(*(a + c - b for a, b, c in zip(whole[:-1], there, here, strict=False)), whole.halo)
    if name == "rcan":
        # All groups cost the same, as do all residual blocks.
        one, blocks, groups = (
            small(name, 4, both, **more) for more in ({}, {"num_residual_blocks": 2}, {"num_blocks": 2})
        )
        more = (a + 10 * 19 * (b - a) + 9 * (c - a) for a, b, c in zip(one[:-1], blocks, groups, strict=False))
        return Measured(*more, one.halo)
    return measure(build(name, scale, both, both), scale)


@functools.cache
def small(name, scale, both=False, **options):
    """The network with one of everything that it repeats."""
    repeated = {"num_blocks", "num_residual_blocks", "num_recursions"}
    single = dict.fromkeys(repeated & set(inspect.signature(getattr(zoo, name)).parameters), 1)
    return measure(build(name, scale, both, both, **single | options), scale)


def printed_parameters(plain, both):
    """A row of parameters, `both` being the network with the strategies at any scale."""
    return {
        "plain": f"{plain.parameters:,}",
        "GGAS": f"{plain.parameters + both.attention:,}",
        "GGAS folded": f"{plain.parameters + both.attention - both.attention_normalization:,}",
        "CWSS": f"{plain.parameters + both.alphas:,}" if both.alphas else "none",
        "both": f"{plain.parameters + both.attention + both.alphas:,}" if both.alphas else "none",
    }


def printed_arithmetic(per_pixel, scale):
    return f"{per_pixel * 1280 * 720 / scale**2 / 1e9:.1f} G"


def printed_halo(halo):
    return "whole picture" if math.isinf(halo) else str(halo)


def test_every_architecture_has_a_card():
    assert {file.stem for file in CARDS.glob("*.md")} - {"README"} >= set(ARCHITECTURES)
    assert set(index()) == set(ARCHITECTURES)


@each_architecture
def test_strategies_add_nothing_else(name):
    plain, both = measured(name, 4), measured(name, 4, both=True)
    assert both.parameters == plain.parameters + both.attention + both.alphas


@each_scale
@each_architecture
def test_parameters(name, scale):
    assert row(name, scale, "plain") == printed_parameters(measured(name, scale), measured(name, 4, both=True))


@each_scale
@each_architecture
def test_multiply_accumulates(name, scale):
    plain = measured(name, scale).multiply_accumulates
    strategies = measured(name, 4, both=True).multiply_accumulates - measured(name, 4).multiply_accumulates
    printed = row(name, scale, "multiply-accumulates (plain)")
    assert printed["multiply-accumulates (plain)"] == printed_arithmetic(plain, scale)
    assert printed["multiply-accumulates (GGAS)"] == printed_arithmetic(plain + strategies, scale)


@each_scale
@each_architecture
def test_halo(name, scale):
    printed = row(name, scale, "halo (plain)")
    assert printed["halo (plain)"] == printed_halo(measured(name, scale).halo)
    assert printed["halo (GGAS)"] == printed_halo(measured(name, 4, both=True).halo)


@pytest.mark.slow
@each_scale
@each_architecture
def test_full_networks(name, scale):
    plain, ggas = (measure(build(name, scale, ggas, False), scale) for ggas in (False, True))
    both = measure(build(name, scale, True, True), scale)
    assert row(name, scale, "plain") == printed_parameters(plain, both)
    assert row(name, scale, "halo (plain)") == {
        "multiply-accumulates (plain)": printed_arithmetic(plain.multiply_accumulates, scale),
        "multiply-accumulates (GGAS)": printed_arithmetic(ggas.multiply_accumulates, scale),
        "halo (plain)": printed_halo(plain.halo),
        "halo (GGAS)": printed_halo(ggas.halo),
    }


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_attention_of_table_1(attention):
    rows = next(rows for rows in tables(CARDS / "shallow_edsr.md") if set(rows) == set(ATTENTIONS))
    layer = ATTENTIONS[attention]()
    layer.build((None, None, None, 64))
    plain = measured("shallow_edsr", 4).parameters
    assert rows[attention]["in every block"] == f"{plain + 8 * parameters(layer):,}"
    assert rows[attention]["single"] == f"{plain + parameters(layer):,}"


@each_architecture
def test_published_deltas(name):
    """What the paper prints as a difference is added to what it prints as the base."""
    for rows in tables(CARDS / f"{name}.md"):
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
    monkeypatch.setattr(sys, "argv", ["measure.py"])
    assert {file.stem for file in measure_presets.cards()} == set(ARCHITECTURES)
    measure_presets.main()
    for file in CARDS.glob("*.md"):
        assert (tmp_path / file.name).read_text(encoding="utf-8") == file.read_text(encoding="utf-8")


@each_architecture
def test_training_command(name):
    text = (CARDS / f"{name}.md").read_text(encoding="utf-8")
    assert re.search(rf"^    python training/{name}\.py --", text, re.MULTILINE)
    assert (ROOT / "training" / f"{name}.py").is_file()


def index():
    """The table of zoo/README.md, by the name that each row links."""
    rows = tables(CARDS / "README.md")[0]
    links = {re.fullmatch(r"\[(\w+)\]\((\w+)\.md\)", cell): cells for cell, cells in rows.items()}
    assert all(link and link[1] == link[2] for link in links)
    return {link[1]: cells for link, cells in links.items()}


@each_architecture
def test_index(name):
    plain = measured(name, 4)
    cells = index()[name]
    assert cells["parameters"] == f"{plain.parameters:,}"
    assert cells["multiply-accumulates"] == printed_arithmetic(plain.multiply_accumulates, 4)
    assert cells["halo"] == printed_halo(plain.halo)
