"""Table 2 of the paper: six networks at x4, plain, with GGAS, with CWSS and with both.

Published: PSNR in dB on Set5 and Set14 of networks trained on DIV2K by their official recipes, the strategies' at twice
the learning rate, as gains over the plain network. FSRCNN has no residual connection and so no CWSS. How cells are
trained and compared here stands in training/tables.py.

    python training/table_2.py --data photographs --output runs/presets --data-root $KERAS_LISR_DATA
"""

import sys

from tables import Cell, Network, main

# Set5 and Set14: plain, then what GGAS, CWSS and both add.
PUBLISHED = {
    "fsrcnn": ("31.08, 27.88", "+0.08, +0.07"),
    "memnet": ("31.96, 28.44", "+0.07, +0.06", "+0.06, +0.05", "+0.09, +0.08"),
    "carn": ("32.01, 28.44", "+0.07, +0.06", "+0.00, +0.04", "+0.05, +0.09"),
    "idn": ("31.76, 28.44", "+0.06, +0.05", "+0.05, +0.06", "+0.09, +0.08"),
    "edsr_baseline": ("32.09, 28.58", "+0.12, +0.08", "+0.08, +0.07", "+0.15, +0.12"),
    "imdn": ("32.21, 28.56", "+0.04, +0.05", "+0.03, +0.04", "+0.07, +0.09"),
}
STRATEGIES: dict[str, dict] = {
    "": {},
    " + GGAS": {"ggas": True},
    " + CWSS": {"cwss": True},
    " + both": {"ggas": True, "cwss": True},
}


def network(recipe: str, steps: int, seeds: int, **options) -> Network:
    """A network with the strategies that it can have."""
    rows = zip(STRATEGIES.items(), PUBLISHED[recipe], strict=False)
    cells = [Cell(recipe + name, strategy, published) for (name, strategy), published in rows]
    return Network(recipe=recipe, cells=cells, steps=steps, seeds=seeds, **options)


# In the order in which they are trained. Muon's rates are those of training/presets.py, MemNet's that of
# docs/training-speed.md, as are Adam's.
NETWORKS = [
    network("imdn", 3000, seeds=3, rates={"muon": 1.5e-3, "adam": 4e-4}),
    network("idn", 3000, seeds=3, rates={"muon": 2e-3}),
    network("fsrcnn", 16_000, seeds=3, rates={"muon": 2e-3, "adam": 1e-3}, batch_size=8, precision="float32"),
    network("edsr_baseline", 1600, seeds=2, rates={"muon": 1e-3}),
    network("carn", 1600, seeds=2, rates={"muon": 2e-3}),
    network("memnet", 1200, seeds=2, rates={"muon": 2e-3}),
]

if __name__ == "__main__":
    sys.exit(main("Table 2: GGAS and CWSS in six networks", NETWORKS))
