"""The networks that every format is tested on, small and with every layer among them, and pictures of two sizes."""

import keras
import numpy as np
import pytest
from architectures import ARCHITECTURES, STRATEGIES, Architecture
from reference import assign_waves, picture

LOW_RESOLUTION = picture(1, 15, 17, 3), picture(2, 24, 16, 3, phase=1)

EXPORTED: dict[str, tuple[Architecture, dict]] = {
    f"{architecture.name}-{strategy}": (architecture, STRATEGIES[strategy])
    for architecture in ARCHITECTURES
    for strategy in ("plain", architecture.strategies[-1])
}
for architecture in ARCHITECTURES:
    match architecture.name:
        case "fsrcnn":
            EXPORTED["fsrcnn-deconvolution"] = (architecture, {"head": "deconvolution"})
        case "shallow_edsr":  # CA and CCA are those of RCAN and IMDN.
            for attention in ("sa", "esa"):
                EXPORTED[f"shallow_edsr-{attention}"] = (architecture, {"attention": attention, "num_blocks": 1})

# What is plain is a part of the same network with its strategies.
QUICK = [name for name in EXPORTED if not name.endswith("-plain")]
each_exported = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in EXPORTED]
)


def build(name: str) -> keras.Model:
    architecture, options = EXPORTED[name]
    model = architecture.build_tiny(**options)
    assign_waves(model)
    return model


def as_bytes(pictures: np.ndarray) -> np.ndarray:
    return np.rint(pictures * 255).astype(np.uint8)
