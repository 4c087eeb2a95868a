"""Draws the gains of the tables' cells: a forest plot for each table in a file of `--json`.

A row for each cell and a panel for each set: the mean difference of PSNR to the plain network with the same seed, and
its 95 % interval, filled where that excludes zero.

    python training/table_figures.py zoo/results.json -o zoo
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from table_intervals import excludes_zero

from keras_lisr.analysis.figures import COLORS, new_figure
from keras_lisr.basics.parser import Parser
from keras_lisr.training.command import run_program

ROW = 0.28  # Inches.
WIDEST = 2.5  # Times the largest gain; the intervals of two seeds may leave the panel.


def main(argv: Sequence[str] | None = None) -> int:
    """Draws the figures and prints their names; returns the exit code, as a recipe does."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("results", type=Path, help="file that the tables' programs wrote")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    return run_program(parser, run, argv)


def run(flags: argparse.Namespace) -> None:
    """Draws the figures."""
    for title, rows in json.loads(flags.results.read_text()).items():
        if compared := [row for row in rows if row.get("gains")]:
            file = flags.output / f"{re.sub(r'[^a-z0-9]+', '_', title.lower())}.png"
            draw_gains(title, compared).savefig(file, dpi=150)
            sys.stdout.write(f"{file}\n")


def draw_gains(title: str, rows: Sequence[Mapping[str, Any]]) -> Any:
    """Draws a forest plot of rows that the tables' programs wrote, the first on top."""
    sets = list(rows[0]["gains"])
    networks = list(dict.fromkeys(row["network"] for row in rows))
    largest = max(abs(row["gains"][name]["psnr"][0]) for row in rows for name in sets)
    figure = new_figure(2.6 + 2.4 * len(sets), 1.6 + ROW * len(rows))
    figure.suptitle(title)
    panels = figure.subplots(1, len(sets), sharex=True, sharey=True, squeeze=False)[0]
    panels[0].set_xlim(-WIDEST * largest, WIDEST * largest)
    for name, axes in zip(sets, panels, strict=True):
        axes.set_title(name, fontsize="medium")
        axes.set_xlabel("gain of PSNR (dB)")
        axes.axvline(0, color="black", linewidth=0.8)
        for place, row in enumerate(rows):
            gain = row["gains"][name]["psnr"]
            color = COLORS[networks.index(row["network"]) % len(COLORS)]
            fill = color if excludes_zero(gain) else "white"
            axes.errorbar(gain[0], place, xerr=gain[1], fmt="o", color=color, markerfacecolor=fill, capsize=2)
    panels[0].set_yticks(range(len(rows)), [row["cell"] for row in rows])
    panels[0].invert_yaxis()
    return figure


if __name__ == "__main__":
    sys.exit(main())
