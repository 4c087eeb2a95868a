"""Draws figures of the analysis: spectra (Fig. 1, 5), residuals (Fig. 2, 6) and the attention map over the picture.

Each function returns a figure, which `figure.savefig(path, dpi=150)` writes, without pyplot and its global state.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_lisr.analysis.power_spectrum import HALF_BAND, Spectrum, discontinuities
from keras_lisr.basics.extras import import_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours of Okabe and Ito, which colour-blind readers can tell apart (https://jfly.uni-koeln.de/color/): vermilion for
# the red points alone, and no yellow, which is hard to see on white.
COLORS = ("#0072B2", "#009E73", "#CC79A7", "#000000", "#56B4E9", "#E69F00")
RED = "#D55E00"
MARKERS = "os^Dvp"
BAND = "0.93"
PANEL = 4.6  # Inches.
LARGEST_LINEAR_RATIO = 30  # Of the largest to the smallest residual; above, the axis is logarithmic.

AXES = {
    "radial": ("spatial frequency (cycles per pixel)", "power spectral density (features²)"),
    "square_ring": ("radius of the square ring / largest radius", "log(1 + sum of |FFT| on the ring)"),
}


def draw_spectra(spectra: Mapping[str, Mapping[str, Spectrum]]) -> "Figure":
    """Draws a curve for each block, dashed where it is one of `discontinuities`, and a panel for each network.

    The panels share their axes; the band of high-frequency power is shaded.

    Args:
        spectra: Spectra of the blocks' outputs, in order, by the network's name and the block's.

    Raises:
        ValueError: If `spectra` holds no spectrum, or spectra of both definitions, or matplotlib is not installed.

    Example:

        outputs = block_outputs(model, image)
        spectra = {name: power_spectrum(features) for name, features in outputs.items()}
        draw_spectra({"imdn_x4": spectra}).savefig("spectra.png", dpi=150)
    """
    definitions = {spectrum.definition for blocks in spectra.values() for spectrum in blocks.values()}
    if len(definitions) != 1:
        raise ValueError(f"`spectra` must be of one definition. Received: definitions={sorted(definitions)}")
    definition = definitions.pop()
    figure = new_figure(PANEL * len(spectra), PANEL)
    figure.suptitle("Power spectrum of each block's output\ndashed: less in the shaded band than the block before")
    panels = figure.subplots(1, len(spectra), sharex=True, sharey=True, squeeze=False)[0]
    for axes, (model, blocks) in zip(panels, spectra.items(), strict=True):
        draw_blocks(axes, blocks)
        lost = len(discontinuities(blocks))
        axes.set_title(f"{model}\ndiscontinuities: {lost} of {len(blocks) - 1}", fontsize="medium")
        axes.set_xlabel(AXES[definition][0])
        axes.axvspan(HALF_BAND[definition], 2 * HALF_BAND[definition], color=BAND, zorder=0)
    panels[0].set_xlim(0, 2 * HALF_BAND[definition])
    panels[0].set_ylabel(AXES[definition][1])
    if definition == "radial":
        panels[0].set_yscale("log")
    return figure


def draw_blocks(axes: "Axes", blocks: Mapping[str, Spectrum]) -> None:
    """Draws the curves of the blocks, from dark to light, with their numbers."""
    import matplotlib

    # The last tenth of the map is yellow, which is hard to see on white.
    colors = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, len(blocks)))
    box = {"boxstyle": "circle,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}
    dashed = discontinuities(blocks)
    for i, (name, spectrum) in enumerate(blocks.items()):
        axes.plot(spectrum.frequency, spectrum.power, "--" if name in dashed else "-", color=colors[i], linewidth=1.4)
        # The numbers are staggered: the colours of neighbours among sixteen blocks differ little.
        place = round((i + 0.5) / len(blocks) * (len(spectrum.power) - 1))
        point, number = (spectrum.frequency[place], spectrum.power[place]), name.removeprefix("block_")
        axes.annotate(number, point, ha="center", va="center", fontsize="x-small", color=colors[i], bbox=box)


def draw_residuals(magnitudes: Mapping[str, Mapping[str, float]], reference: str | None = None) -> "Figure":
    """Draws the mean residual of each residual connection, a line for each network.

    The axis is logarithmic if the residuals span decades.

    Args:
        magnitudes: Results of `residual_magnitude`, by the network's name.
        reference: Name of the network whose largest residual is a dotted line; larger ones become red points.

    Raises:
        ValueError: If `magnitudes` is empty, `reference` is not in it, or matplotlib is not installed.

    Example:

        magnitudes = {"imdn_x4": residual_magnitude(imdn, image), "rcan": residual_magnitude(rcan, image)}
        draw_residuals(magnitudes, reference="rcan").savefig("residuals.png", dpi=150)
    """
    if not magnitudes or (reference is not None and reference not in magnitudes):
        raise ValueError(
            "`reference` must be None or one of the networks in `magnitudes`. "
            f"Received: reference={reference!r}, magnitudes of {list(magnitudes)}"
        )
    figure = new_figure(1.4 * PANEL, PANEL)
    axes = figure.add_subplot(title="Mean residual of each residual connection")
    for i, (model, means) in enumerate(magnitudes.items()):
        style: dict[str, Any] = {"color": COLORS[i % len(COLORS)], "marker": MARKERS[i % len(MARKERS)], "markersize": 8}
        axes.plot(range(1, len(means) + 1), list(means.values()), label=model, **style)
    if reference is not None:
        largest = max(magnitudes[reference].values())
        axes.axhline(largest, color="black", linestyle=":", label=f"largest of {reference}")
        numbered = [point for means in magnitudes.values() for point in enumerate(means.values(), start=1)]
        points = np.array([(number, mean) for number, mean in numbered if mean > largest])
        if len(points):
            style = {"color": RED, "edgecolor": "white", "linewidth": 0.6, "zorder": 3}
            axes.scatter(points[:, 0], points[:, 1], s=32, label=f"larger than it ({len(points)})", **style)

    axes.set_xlabel("residual connection, in the order of the network")
    axes.set_ylabel("mean |H_RL(x)| (units of the features)")
    axes.locator_params("x", integer=True)
    drawn = [mean for means in magnitudes.values() for mean in means.values()]
    if max(drawn) > LARGEST_LINEAR_RATIO * min(drawn) > 0:
        axes.set_yscale("log")
    else:
        axes.set_ylim(0, 1.08 * max(drawn) or 1)
    axes.grid(color=BAND)
    figure.legend(loc="outside lower center", ncols=2, fontsize="small")
    return figure


def draw_attention(image: np.ndarray, attention_map: np.ndarray, model: str | None = None) -> "Figure":
    """Draws a picture, its attention map, and the map over the picture.

    The map is averaged over its channels. In the middle panel its colours range from 0 to 1 (or its maximum, if that is
    larger), so that figures of several networks compare; over the picture they range from its minimum to its maximum.

    Args:
        image: Low-resolution picture, uint8 RGB `(height, width, 3)`.
        attention_map: Attention map of the picture, `(height, width, channels)`, see `keras_lisr.analysis`.
        model: Name of the network.

    Raises:
        ValueError: If `attention_map` is not as large as `image`, or matplotlib is not installed.

    Example:

        draw_attention(image, attention_map(model, image)).savefig("attention.png", dpi=150)
    """
    if attention_map.ndim != 3 or attention_map.shape[:2] != image.shape[:2]:
        raise ValueError(
            "`attention_map` must be an array (height, width, channels) of the height and width of `image`. "
            f"Received: attention_map.shape={attention_map.shape}, image.shape={image.shape}"
        )
    mean = attention_map.mean(axis=2)
    aspect = min(1.2, max(0.25, image.shape[0] / image.shape[1]))
    figure = new_figure(3 * PANEL, PANEL * aspect + 1.8)
    figure.suptitle(f"Global attention map GA of {model}" if model else "Global attention map GA")
    picture, alone, over = panels = figure.subplots(1, 3, sharex=True, sharey=True, subplot_kw={"anchor": "N"})

    picture.set_title("low-resolution picture", fontsize="medium")
    picture.imshow(image)
    picture.set_ylabel("row (pixels)")
    alone.set_title(f"GA, mean of {attention_map.shape[2]} channels", fontsize="medium")
    largest = max(1.0, float(mean.max()))
    colors = alone.imshow(mean, cmap="viridis", vmin=0, vmax=largest)
    below: dict[str, Any] = {"location": "bottom", "panchor": False}  # Keeps the pictures in place.
    figure.colorbar(colors, ax=alone, label=f"attention, from 0 to {largest:.3g}", **below)
    over.set_title("GA over the picture", fontsize="medium")
    over.imshow(image.mean(axis=2), cmap="gray", vmin=0, vmax=255)
    colors = over.imshow(mean, cmap="viridis", alpha=0.6)
    figure.colorbar(colors, ax=over, label="attention, its own range", **below)
    for axes in panels:
        axes.set_xlabel("column (pixels)")
    return figure


def new_figure(width: float, height: float) -> "Figure":
    """Creates an empty figure of this size in inches."""
    return import_extra("matplotlib.figure", "figures").Figure(figsize=(width, height), layout="constrained")
