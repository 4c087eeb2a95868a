import sys

import numpy as np
import pytest
from PIL import Image
from reference import picture

from keras_lisr.analysis import Spectrum, draw_attention, draw_residuals, draw_spectra

IMAGE = (255 * picture(12, 16, 3)).astype(np.uint8)
ATTENTION = picture(12, 16, 4) / 2 + 0.25


def blocks(*high_powers, definition="radial"):
    """Spectra of blocks of which the last half has these powers."""
    frequency = np.linspace(0, 0.5 if definition == "radial" else 1, 6)
    falling = np.array([1e3, 1e2, 1e1])
    return {
        f"block_{i}": Spectrum(frequency, np.concatenate([falling, np.full(3, power)]), definition)
        for i, power in enumerate(high_powers, start=1)
    }


def check_png(figure, path):
    figure.savefig(path, dpi=50)
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert np.asarray(image.convert("L")).std() > 5


def test_a_panel_for_each_network_and_a_curve_for_each_block(tmp_path):
    spectra = {"imdn_x4": blocks(1, 2, 1.5), "edsr": blocks(*range(16, 0, -1))}
    figure = draw_spectra(spectra)
    assert figure.get_suptitle()
    for axes, (model, curves) in zip(figure.axes, spectra.items(), strict=True):
        assert axes.get_title().startswith(model)
        assert axes.get_xlabel() == "spatial frequency (cycles per pixel)"
        assert axes.get_xlim() == (0, 0.5)
        assert axes.get_yscale() == "log"
        for line, spectrum in zip(axes.lines, curves.values(), strict=True):
            np.testing.assert_array_equal(line.get_xdata(), spectrum.frequency)
            np.testing.assert_array_equal(line.get_ydata(), spectrum.power)
        assert [text.get_text() for text in axes.texts] == [str(i) for i in range(1, len(curves) + 1)]
        assert len({tuple(line.get_color()) for line in axes.lines}) == len(curves)
    assert "power" in figure.axes[0].get_ylabel()
    check_png(figure, tmp_path / "spectra.png")


def test_discontinuous_blocks_are_dashed_and_counted():
    figure = draw_spectra({"net": blocks(1, 2, 1.5, 1.7, 1.6)})
    [axes] = figure.axes
    assert [line.get_linestyle() for line in axes.lines] == ["-", "-", "--", "-", "--"]
    assert axes.get_title() == "net\ndiscontinuities: 2 of 4"
    assert "dashed" in figure.get_suptitle()


def test_square_rings_have_axes_of_their_own():
    [axes] = draw_spectra({"net": blocks(1, 2, definition="square_ring")}).axes
    assert axes.get_xlabel() == "radius of the square ring / largest radius"
    assert axes.get_xlim() == (0, 1)
    assert axes.get_yscale() == "linear"
    assert "log" in axes.get_ylabel()


def test_spectra_of_two_definitions_are_refused():
    for spectra in ({"a": blocks(1), "b": blocks(1, definition="square_ring")}, {}):
        with pytest.raises(ValueError, match="`spectra`"):
            draw_spectra(spectra)


MAGNITUDES = {
    "small": {"block_1_sum": 0.1, "block_2_sum": 0.4, "block_3_sum": 0.35},
    "large": {"block_1_sum": 0.3, "block_2_sum": 0.2},
}


def test_a_line_for_each_network(tmp_path):
    figure = draw_residuals(MAGNITUDES)
    [axes] = figure.axes
    assert axes.get_title()
    assert axes.get_xlabel().startswith("residual connection")
    assert axes.get_ylabel().startswith("mean |H_RL(x)|")
    assert axes.get_yscale() == "linear"
    assert [line.get_label() for line in axes.lines] == ["small", "large"]
    assert [list(line.get_ydata()) for line in axes.lines] == [[0.1, 0.4, 0.35], [0.3, 0.2]]
    assert [list(line.get_xdata()) for line in axes.lines] == [[1, 2, 3], [1, 2]]
    assert len({line.get_color() for line in axes.lines}) == len({line.get_marker() for line in axes.lines}) == 2
    assert not axes.collections
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["small", "large"]
    check_png(figure, tmp_path / "residuals.png")


def test_what_is_above_the_reference_is_red():
    figure = draw_residuals(MAGNITUDES, reference="large")
    [axes] = figure.axes
    *_, dotted = axes.lines
    assert dotted.get_linestyle() == ":"
    assert list(dotted.get_ydata()) == [0.3, 0.3]
    [points] = axes.collections
    np.testing.assert_allclose(points.get_offsets(), [[2, 0.4], [3, 0.35]])
    red, green, blue, _ = points.get_facecolor()[0]
    assert red > 2 * green > blue
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["small", "large", "largest of large", "larger than it (2)"]


@pytest.mark.parametrize(("smallest", "scale"), [(0.1, "linear"), (0.001, "log"), (0, "linear")])
def test_decades_are_drawn_on_a_logarithmic_axis(smallest, scale):
    [axes] = draw_residuals({"net": {"block_1_sum": smallest, "block_2_sum": 1.0}}).axes
    assert axes.get_yscale() == scale
    assert axes.get_ylim()[0] <= smallest


@pytest.mark.parametrize(("magnitudes", "reference"), [({}, None), (MAGNITUDES, "other")])
def test_an_unknown_reference_is_refused(magnitudes, reference):
    with pytest.raises(ValueError, match="`reference`"):
        draw_residuals(magnitudes, reference=reference)


def test_attention_beside_and_over_the_picture(tmp_path):
    figure = draw_attention(IMAGE, ATTENTION)
    picture_axes, alone, over, *bars = figure.axes
    mean = ATTENTION.mean(axis=2)
    np.testing.assert_array_equal(picture_axes.images[0].get_array(), IMAGE)
    np.testing.assert_allclose(alone.images[0].get_array(), mean)
    assert alone.images[0].get_clim() == (0, 1)
    grey, colors = over.images
    np.testing.assert_allclose(grey.get_array(), IMAGE.mean(axis=2))
    np.testing.assert_allclose(colors.get_array(), mean)
    assert colors.get_clim() == pytest.approx((mean.min(), mean.max()))
    assert colors.get_alpha() < 1
    assert len(bars) == 2
    assert all("attention" in bar.get_xlabel() for bar in bars)
    assert all("pixels" in axes.get_xlabel() and axes.get_title() for axes in (picture_axes, alone, over))
    check_png(figure, tmp_path / "attention.png")


@pytest.mark.parametrize("attention", [ATTENTION[:5], ATTENTION[..., 0]])
def test_a_map_of_another_size_is_refused(attention):
    with pytest.raises(ValueError, match="`attention_map`"):
        draw_attention(IMAGE, attention)


def test_a_missing_matplotlib_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ValueError, match=r"keras_lisr\[figures\]"):
        draw_residuals(MAGNITUDES)


def test_attention_above_one_has_its_place_on_the_scale():
    image = np.zeros((8, 8, 3), np.uint8)
    for largest, said in ((1.05, "attention, from 0 to 1.05"), (0.9, "attention, from 0 to 1")):
        figure = draw_attention(image, np.full((8, 8, 2), largest))
        assert figure.axes[1].images[0].get_clim() == (0, max(1, largest))
        assert said in [axes.get_xlabel() for axes in figure.axes]
