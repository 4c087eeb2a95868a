import numpy as np
import pytest

from keras_lisr.training.schedules import halving, warmup_cosine


def rates(schedule, *steps):
    return [float(schedule(step)) for step in steps]


def test_halving_after_each_fifth():
    schedule = halving(every=1 / 5)(2e-4, 1000)
    assert rates(schedule, 0, 199, 200, 399, 400, 999) == pytest.approx([2e-4, 2e-4, 1e-4, 1e-4, 5e-5, 1.25e-5])


def test_warmup_cosine():
    schedule = warmup_cosine(100)(1e-3, 1100)
    assert rates(schedule, 0, 50, 100, 600, 1100) == pytest.approx([0, 5e-4, 1e-3, 5e-4, 0], abs=1e-9)
    assert np.all(np.diff(rates(schedule, *range(100, 1100, 50))) < 0)


def test_warmup_takes_at_most_half_of_a_short_run():
    schedule = warmup_cosine(1000)(1e-3, 10)
    assert rates(schedule, 5, 10) == pytest.approx([1e-3, 0], abs=1e-9)
