import math

import numpy as np
import pytest

from keras_lisr.analysis import Spectrum, discontinuities, high_frequency_power, power_spectrum

SIZES = [(16, 16), (15, 15), (12, 20), (21, 14), (2, 2), (3, 2)]


def waves(height, width, down, across, amplitude=1.0):
    """One channel: a cosine with the given number of periods down and across the picture."""
    row, column = np.mgrid[:height, :width]
    return amplitude * np.cos(2 * np.pi * (down * row / height + across * column / width))[..., np.newaxis]


def samples_on_ring(height, width, ring):
    """Counts the samples of the transform that are nearest to the radial frequency `ring / min(height, width)`."""
    side = min(height, width)
    count = 0
    for row in range(-(height // 2), (height + 1) // 2):
        for column in range(-(width // 2), (width + 1) // 2):
            radius = side * math.sqrt((row / height) ** 2 + (column / width) ** 2)
            count += ring - 0.5 <= radius < ring + 0.5
    return count


@pytest.mark.parametrize(("down", "across", "ring"), [(0, 3, 3), (5, 0, 5), (3, 4, 5), (2, 2, 3), (0, 7, 7)])
def test_a_plane_wave_lies_in_its_ring_alone(down, across, ring):
    # A cosine of amplitude A is two samples |F| = A/2 · 256 of 16x16, so that A² 256 / 2 is shared by the ring.
    spectrum = power_spectrum(waves(16, 16, down, across, amplitude=3))
    expected = np.zeros(9)
    expected[ring] = 9 * 256 / 2 / samples_on_ring(16, 16, ring)
    np.testing.assert_allclose(spectrum.power, expected, atol=1e-10)


def test_a_plane_wave_in_a_picture_that_is_not_square():
    # 5 periods in 20 pixels are 0.25 cycles per pixel, in rings of 1/12.
    spectrum = power_spectrum(waves(12, 20, 0, 5))
    assert spectrum.frequency[spectrum.power > 1e-10] == [0.25]
    assert spectrum.power[3] == pytest.approx(12 * 20 / 2 / samples_on_ring(12, 20, 3))


def test_waves_beyond_half_a_cycle_per_pixel_are_left_out():
    assert power_spectrum(waves(16, 16, 7, 7)).power.max() < 1e-10


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_frequencies(height, width):
    side = min(height, width)
    frequency, power, definition = power_spectrum(np.zeros((height, width, 1)))
    np.testing.assert_allclose(frequency, np.arange(side // 2 + 1) / side)
    np.testing.assert_array_equal(power, np.zeros(side // 2 + 1))
    assert definition == "radial"
    square = power_spectrum(np.zeros((height, width, 1)), "square_ring")
    np.testing.assert_allclose(square.frequency, np.linspace(0, 1, max(height, width) // 2 + 1))
    np.testing.assert_array_equal(square.power, np.zeros(max(height, width) // 2 + 1))
    assert square.definition == "square_ring"


@pytest.mark.parametrize("shape", [(64, 64, 64), (48, 80, 64), (63, 45, 64)])
def test_white_noise_is_flat_at_its_variance(shape):
    noise = np.random.default_rng(0).normal(scale=3, size=shape)
    spectrum = power_spectrum(noise)
    # Each ring is a mean of `count` squares, with a relative deviation of at most sqrt(2 / count).
    counts = shape[2] * np.array([samples_on_ring(*shape[:2], ring) for ring in range(len(spectrum.power))])
    assert (np.abs(spectrum.power / 9 - 1) < 4 * np.sqrt(2 / counts)).all()
    assert high_frequency_power(spectrum) == pytest.approx(9, rel=0.02)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_parseval(height, width):
    """An impulse has the same power at every frequency: its energy over the number of pixels."""
    features = np.zeros((height, width, 2))
    features[1, 0] = 6, 8
    np.testing.assert_allclose(power_spectrum(features).power, (36 + 64) / 2 / (height * width))


def test_channels_are_averaged_after_the_transform_or_before():
    wave = waves(16, 16, 0, 3)
    opposite = np.concatenate([wave, -wave], axis=2)
    np.testing.assert_allclose(power_spectrum(opposite).power, power_spectrum(wave).power, atol=1e-12)
    assert power_spectrum(opposite, "square_ring").power.max() < 1e-10


def test_small_frequencies_beside_a_large_mean_are_seen_in_float32():
    features = (1000 + waves(16, 16, 0, 3, amplitude=2**-10)).astype(np.float32)
    expected = waves(16, 16, 0, 3, amplitude=2**-10)
    assert power_spectrum(features).power[3] == pytest.approx(power_spectrum(expected).power[3], rel=0.05)


@pytest.mark.parametrize("size", [15, 16])
def test_square_rings_of_an_impulse(size):
    """|F| is 1 everywhere, so that each ring counts its samples: 8 r, but for the half that an even side lacks."""
    impulse = np.zeros((size, size, 1))
    impulse[0, 0] = 1
    counts = np.array([1, *(8 * radius for radius in range(1, size // 2 + 1))])
    if size % 2 == 0:
        counts[-1] = 2 * size - 1
    np.testing.assert_allclose(power_spectrum(impulse, "square_ring").power, np.log(1 + counts))


@pytest.mark.parametrize(("down", "across", "ring"), [(0, 3, 3), (5, 2, 5), (4, 4, 4)])
def test_square_rings_of_a_plane_wave(down, across, ring):
    expected = np.zeros(9)
    expected[ring] = math.log(1 + 2 * 3 / 2 * 256)
    wave = waves(16, 16, down, across, amplitude=3)
    np.testing.assert_allclose(power_spectrum(wave, "square_ring").power, expected, atol=1e-10)


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 3), (8, 1, 3), (8, 8, 0), (1, 8, 8, 3)])
def test_other_shapes_and_definitions_are_refused(shape):
    with pytest.raises(ValueError, match="`features`"):
        power_spectrum(np.zeros(shape))
    with pytest.raises(ValueError, match="`definition`"):
        power_spectrum(np.zeros((4, 4, 1)), "ring")


def test_high_frequency_power_is_above_a_quarter():
    # Of 16 pixels, ring 4 lies at 0.25 itself.
    assert high_frequency_power(power_spectrum(waves(16, 16, 0, 4))) < 1e-10
    at_five = power_spectrum(waves(16, 16, 0, 5))
    assert high_frequency_power(at_five) == pytest.approx(at_five.power[5] / 4)  # Rings 5 to 8.


@pytest.mark.parametrize("definition", ["radial", "square_ring"])
def test_discontinuities(definition):
    amplitudes = [3, 2, 2.5, 2.6, 1]
    spectra = {
        f"block_{i}": power_spectrum(waves(16, 16, 0, 6, amplitude) + waves(16, 16, 0, 1, i), definition)
        for i, amplitude in enumerate(amplitudes, start=1)
    }
    assert discontinuities(spectra) == ["block_2", "block_5"]


def test_blocks_that_are_equal_or_alone_are_no_discontinuity():
    spectrum = Spectrum(np.array([0, 0.5]), np.array([1.0, 1.0]), "radial")
    assert discontinuities({"block_1": spectrum, "block_2": spectrum}) == []
    assert discontinuities({"block_1": spectrum}) == []
    assert discontinuities({}) == []
