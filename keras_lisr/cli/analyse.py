"""`keras-lisr analyse`: draws the paper's figures for any model and picture."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_lisr.basics.preset_index import choose_model
from keras_lisr.basics.whole_files import write_whole
from keras_lisr.cli.files import check_targets, titles
from keras_lisr.cli.start import start_keras

SUFFIXES = (".png", ".webp", ".pdf", ".svg")
DOTS_PER_INCH = 150


def add_to(commands) -> None:
    """Adds the command and its figures to the parser."""
    command = commands.add_parser("analyse", help="draw what happens inside models, as the paper's figures")
    figures = command.add_subparsers(required=True, metavar="FIGURE")

    spectrum = add_figure(figures, "spectrum", draw_spectrum, "power spectrum of each block's output (Fig. 1 and 5)")
    spectrum.add_argument(
        "--definition",
        choices=("radial", "square_ring"),
        default="radial",
        help="mean power by radial frequency, or the sum on square rings as the paper's authors drew it",
    )
    residuals = add_figure(figures, "residuals", draw_residuals, "size of each residual (Fig. 2 and 6)")
    residuals.add_argument(
        "--reference", metavar="MODEL", help="mark the residuals above this model's largest, as the paper does RCAN's"
    )
    residuals.add_argument("--nested", action="store_true", help="count those inside others too: RCAN's blocks")
    add_figure(figures, "attention", draw_attention, "the attention map of GGAS")


def add_figure(figures, name: str, draw, what: str) -> argparse.ArgumentParser:
    """Adds one figure, with the arguments that all figures have."""
    command = figures.add_parser(name, help=what)
    command.set_defaults(run=run, draw=draw)
    command.add_argument("models", nargs="+", metavar="MODEL", help="presets, .npz preset files or .keras files")
    command.add_argument("picture", type=Path, metavar="PICTURE", help="low-resolution picture")
    command.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help=f"file to write: {', '.join(SUFFIXES)}"
    )
    command.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers")
    return command


def run(arguments: argparse.Namespace) -> None:
    """Runs the command."""
    from keras_lisr.data.image_folder import read_rgb

    if arguments.output.suffix.lower() not in SUFFIXES:
        raise ValueError(f"OUT must end in one of {', '.join(SUFFIXES)}. Received: {str(arguments.output)!r}")
    reference = getattr(arguments, "reference", None)
    names = [choose_model(name) for name in [*arguments.models, *([reference] if reference else [])]]
    check_targets(arguments.output, arguments.json, inputs=[arguments.picture, *names])
    known = titles(names)
    arguments.reference = known[names[-1]] if reference else None
    image = read_rgb(arguments.picture)
    with start_keras():
        from keras_lisr.zoo import load_model

        models = {title: load_model(name) for name, title in known.items()}
    figure, numbers = arguments.draw(models, image, arguments)
    with write_whole(arguments.output) as partial:
        figure.savefig(partial, dpi=DOTS_PER_INCH)
    if arguments.json:
        with write_whole(arguments.json) as partial:
            partial.write_text(json.dumps({"picture": str(arguments.picture), **numbers}, indent=2) + "\n")
    print(arguments.output)


def draw_spectrum(models: Mapping[str, Any], image, arguments: argparse.Namespace) -> tuple[Any, dict]:
    """Draws a curve for each block, and counts the blocks that lose high frequencies."""
    from keras_lisr import analysis

    spectra = {
        name: {
            block: analysis.power_spectrum(features, arguments.definition)
            for block, features in analysis.block_outputs(model, image).items()
        }
        for name, model in models.items()
    }
    numbers = {}
    for name, blocks in spectra.items():
        lost = analysis.discontinuities(blocks)
        print(f"{name}: discontinuities: {len(lost)} of {len(blocks) - 1}", *lost)
        numbers[name] = {
            "discontinuities": lost,
            "blocks": {
                block: {
                    "frequency": spectrum.frequency.tolist(),
                    "power": spectrum.power.tolist(),
                    "high_frequency_power": analysis.high_frequency_power(spectrum),
                }
                for block, spectrum in blocks.items()
            },
        }
    return analysis.draw_spectra(spectra), {"definition": arguments.definition, "models": numbers}


def draw_residuals(models: Mapping[str, Any], image, arguments: argparse.Namespace) -> tuple[Any, dict]:
    """Draws a point for each residual connection, red if it is above the largest of the reference."""
    from keras_lisr import analysis

    magnitudes = {
        name: analysis.residual_magnitude(model, image, nested=arguments.nested) for name, model in models.items()
    }
    reference = arguments.reference
    numbers: dict[str, Any] = {"models": magnitudes, "reference": reference}
    if reference is not None:
        numbers["above_reference"] = {
            name: analysis.above_reference(means, magnitudes[reference]) for name, means in magnitudes.items()
        }
    for name, means in magnitudes.items():
        print(f"{name}: {len(means)} residual connections, largest mean {max(means.values()):.4g}", end="")
        print(f", {len(numbers['above_reference'][name])} above {reference}'s largest" if reference else "")
    return analysis.draw_residuals(magnitudes, reference), numbers


def draw_attention(models: Mapping[str, Any], image, arguments: argparse.Namespace) -> tuple[Any, dict]:
    """Draws the attention map of one model over the picture."""
    from keras_lisr import analysis

    if len(models) != 1:
        raise ValueError(f"MODEL must be a single model for this figure. Received: {', '.join(models)}")
    ((name, model),) = models.items()
    attention_map = analysis.attention_map(model, image)
    mean = attention_map.mean(axis=2)
    print(f"{name}: attention from {mean.min():.3f} to {mean.max():.3f}, mean {mean.mean():.3f}")
    by_channel = attention_map.mean(axis=(0, 1)).tolist()
    numbers = {"model": name, "map": mean.tolist(), "channels": by_channel}
    return analysis.draw_attention(image, attention_map, name), numbers
