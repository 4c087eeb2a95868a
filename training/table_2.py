"""Table 2 of the paper: six networks at x4, plain, with GGAS, with CWSS and with both.

Published: PSNR in dB on Set5 and Set14 of networks trained on DIV2K by their official recipes, the strategies' at twice
the learning rate, as gains over the plain network. FSRCNN has no residual connection and so no CWSS.

    python training/table_2.py --data DIV2K_train_HR --steps 1000000 --evaluate set5 set14 --output runs/table_2
"""

import sys

from tables import Cell, cell, main

# Set5 and Set14: plain, then what GGAS, CWSS and both add.
PUBLISHED = {
    "fsrcnn": ("31.08, 27.88", "+0.08, +0.07"),
    "memnet": ("31.96, 28.44", "+0.07, +0.06", "+0.06, +0.05", "+0.09, +0.08"),
    "carn": ("32.01, 28.44", "+0.07, +0.06", "+0.00, +0.04", "+0.05, +0.09"),
    "idn": ("31.76, 28.44", "+0.06, +0.05", "+0.05, +0.06", "+0.09, +0.08"),
    "edsr_baseline": ("32.09, 28.58", "+0.12, +0.08", "+0.08, +0.07", "+0.15, +0.12"),
    "imdn": ("32.21, 28.56", "+0.04, +0.05", "+0.03, +0.04", "+0.07, +0.09"),
}
STRATEGIES: list[tuple[str, dict]] = [
    ("", {}),
    (" + GGAS", {"ggas": True}),
    (" + CWSS", {"cwss": True}),
    (" + both", {"ggas": True, "cwss": True}),
]


def cells_of(architecture: str) -> list[Cell]:
    """The rows of one network, each at its learning rate and at twice that; the paper's own numbers at the latter."""
    rows = []
    for published, (strategy, options) in zip(PUBLISHED[architecture], STRATEGIES, strict=False):
        name = architecture + strategy
        rows += [
            cell(name, architecture, "" if options else published, **options),
            cell(name, architecture, published if options else "", twice=True, **options),
        ]
    return rows


CELLS = [row for architecture in PUBLISHED for row in cells_of(architecture)]

if __name__ == "__main__":
    sys.exit(main("Table 2: GGAS and CWSS in six networks", CELLS))
