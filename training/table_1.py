"""Table 1 of the paper: attention mechanisms in shallow EDSR at x4, beside GGAS + CWSS.

Where the attention stands is not said there: "block" is at the end of every residual branch, "single" after the last
block (architecture's card: zoo/shallow_edsr.md). Published: 300 epochs of DIV2K; PSNR on DIV2K's validation images and
on Set5 (31.69 dB in the last row is printed as 30.69), and milliseconds on a Titan Xp.

    python training/table_1.py --data DIV2K_train_HR --steps 300000 --evaluate set5 --output runs/table_1
"""

import sys

from tables import cell, main

PUBLISHED = {
    "ca": "30.80, 31.59, 9.1 ms",
    "cca": "30.81, 31.60, 6.7 ms",
    "sa": "30.77, 31.54, 5.8 ms",
    "esa": "30.82, 31.63, 7.6 ms",
}
BOTH: dict = {"ggas": True, "cwss": True}

CELLS = [
    cell("baseline", "shallow_edsr", "DIV2K 30.75, Set5 31.52, 4.7 ms"),
    cell("baseline", "shallow_edsr", twice=True),
    *(
        cell(f"+ {name.upper()}, {placement}", "shallow_edsr", published, attention=name, placement=placement)
        for placement in ("block", "single")
        for name, published in PUBLISHED.items()
    ),
    cell("+ GGAS + CWSS", "shallow_edsr", **BOTH),
    cell("+ GGAS + CWSS", "shallow_edsr", "30.88, 31.69, 4.9 ms", twice=True, **BOTH),
]

if __name__ == "__main__":
    sys.exit(main("Table 1: attention mechanisms in shallow EDSR", CELLS))
