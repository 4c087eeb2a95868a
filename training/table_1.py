"""Table 1 of the paper: attention mechanisms in shallow EDSR at x4, beside GGAS + CWSS.

Where the attention stands is not said there: "block" is at the end of every residual branch, "single" after the last
block (architecture's card: zoo/shallow_edsr.md). Published: 300 epochs of DIV2K; PSNR on DIV2K's validation images and
on Set5 (31.69 dB in the last row is printed as 30.69), and milliseconds on a Titan Xp. How cells are trained and
compared here stands in training/tables.py.

    python training/table_1.py --data photographs --output runs/presets --data-root $KERAS_LISR_DATA
"""

import sys

from tables import Cell, Network, main

PUBLISHED = {
    "ca": "30.80, 31.59, 9.1 ms",
    "cca": "30.81, 31.60, 6.7 ms",
    "sa": "30.77, 31.54, 5.8 ms",
    "esa": "30.82, 31.63, 7.6 ms",
}
CELLS = [
    Cell("shallow_edsr", {}, "DIV2K 30.75, Set5 31.52, 4.7 ms"),
    *(
        Cell(f"shallow_edsr + {name.upper()}, {placement}", {"attention": name, "placement": placement}, published)
        for placement in ("block", "single")
        for name, published in PUBLISHED.items()
    ),
    Cell("shallow_edsr + both", {"ggas": True, "cwss": True}, "30.88, 31.69, 4.9 ms"),
]
NETWORKS = [Network(recipe="shallow_edsr", cells=CELLS, steps=3000, seeds=3, rates={"muon": 2e-3, "adam": 4e-4})]

if __name__ == "__main__":
    sys.exit(main("Table 1: attention mechanisms in shallow EDSR", NETWORKS))
