"""Means of a few numbers with confidence intervals, for tables and figures."""

import math
import statistics
from collections.abc import Sequence

# 97.5 % quantiles of Student's t for 1 to 15 degrees of freedom; with more, the last makes intervals a little too wide.
QUANTILES = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)

Interval = tuple[float, float | None]


def mean_interval(values: Sequence[float]) -> Interval:
    """Returns the mean and half the width of its 95 % t-interval, None for a single number."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return mean, None
    quantile = QUANTILES[min(len(values) - 1, len(QUANTILES)) - 1]
    return mean, quantile * statistics.stdev(values) / math.sqrt(len(values))


def excludes_zero(interval: Interval) -> bool:
    """Checks whether an interval with a width excludes zero."""
    mean, half = interval
    return half is not None and abs(mean) > half


def show(value: float | Interval, digits: int) -> str:
    """Formats a mean, or the interval of a difference, bold if it excludes zero."""
    if isinstance(value, float):
        return f"{value:.{digits}f}"
    mean, half = value
    text = f"{mean:+.{digits}f}" if half is None else f"{mean:+.{digits}f} ± {half:.{digits}f}"
    return f"**{text}**" if excludes_zero(value) else text
