"""Defines the kernel of bicubic resizing, for data and layers."""

import numpy as np


def cubic_kernel(x: np.ndarray) -> np.ndarray:
    """Returns Keys' cubic kernel with a = -0.5 (https://doi.org/10.1109/TASSP.1981.1163711), 0 beyond 2 pixels."""
    x = np.abs(x)
    inner = (1.5 * x - 2.5) * x**2 + 1
    outer = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x <= 1, inner, np.where(x < 2, outer, 0))
