"""`keras-lisr models`: lists the presets."""

import argparse

from keras_lisr.basics.preset_index import DEFAULT_PRESET, presets


def add_to(commands) -> None:
    """Adds the command to the parser."""
    command = commands.add_parser("models", help="list the presets")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Runs the command."""
    known = presets()
    sets = list(dict.fromkeys(name for preset in known for name in preset.measured))
    rows = [["preset", "scale", "parameters", "multiply-accumulates", *(f"{name} (dB)" for name in sets), "for"]]
    for preset in known:
        psnr = [f"{preset.measured[name][0]:.2f}" if name in preset.measured else "-" for name in sets]
        cost = f"{preset.multiply_accumulates / 1e9:.1f} G"
        rows.append([preset.name, f"x{preset.scale}", f"{preset.parameters:,}", cost, *psnr, preset.use])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    print(
        "\nMultiply-accumulates for a result of 1280 x 720 pixels. PSNR: float luma (BT.601) of 8-bit RGB, as many "
        f"pixels shaved as the scale says, low resolution by MATLAB's bicubic. Default: {DEFAULT_PRESET}."
    )
