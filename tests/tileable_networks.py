"""Tiny copies of every network that can be tiled exactly, with weights that carry signal as far as it can go."""

import inspect
from itertools import cycle

import numpy as np
import pytest
from architectures import ARCHITECTURES, STRATEGIES

from keras_lisr import zoo

POOLING = ("ca", "cca", "esa")


def tileable():
    """Each network plain, with the strategies that it takes, and in the variants that do not pool over the picture."""
    scales = cycle((4, 3, 2))
    for architecture in ARCHITECTURES:
        if architecture.name == "smfanet":  # Every block of it pools over the picture.
            continue
        takes_attention = "attention" in inspect.signature(getattr(zoo, architecture.name)).parameters
        without = {"attention": None} if takes_attention else {}
        strategies = {key: value for name in architecture.strategies for key, value in STRATEGIES[name].items()}
        variants = [variant for variant in architecture.variants if not {None, *POOLING} & set(variant.values())]
        for options in (without, without | strategies, *variants):
            yield architecture, {"scale": next(scales), "num_blocks": 1, **options}


def label(parameter):
    architecture, options = parameter
    return "-".join([architecture.name, *(key if value is True else f"{value}" for key, value in options.items())])


@pytest.fixture(scope="session", params=tileable(), ids=label)
def network(request):
    architecture, options = request.param
    return carry_signal(architecture.build_tiny(**options))


def carry_signal(model):
    """Positive kernels with large corners: what lies at the edge of the receptive field shows in the result."""
    random = np.random.default_rng(0)
    for weight in model.weights:
        if weight.name == "kernel":
            kernel = random.uniform(0.5, 1.5, weight.shape)
            kernel[1:-1] /= 100
            kernel[:, 1:-1] /= 100
            weight.assign(kernel / kernel.sum(axis=(0, 1) if "depthwise" in weight.path else (0, 1, 2)))
    return model
