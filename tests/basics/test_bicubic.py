import numpy as np

from keras_lisr.basics.bicubic import cubic_kernel


def test_interpolates():
    np.testing.assert_array_equal(cubic_kernel(np.arange(-3, 4)), [0, 0, 0, 1, 0, 0, 0])


def test_weights_of_a_position_sum_to_one_and_reproduce_quadratics():
    """Keys chose a = -0.5 for that."""
    positions = np.linspace(0, 1, 21)[:, None]
    taps = np.arange(-2, 4)
    weights = cubic_kernel(positions - taps)
    for power in (0, 1, 2):
        np.testing.assert_allclose(weights @ taps**power, positions[:, 0] ** power, atol=1e-12)
