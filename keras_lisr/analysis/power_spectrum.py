"""How much of each spatial frequency a block's output holds (Fig. 1 and 5).

Nothing is normalized but for the size of the picture: the blocks of one network are compared in the units of its
features, so that a block which only makes everything larger has more power at every frequency.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

import numpy as np

Definition = Literal["radial", "square_ring"]

# Where the upper half of the band begins, in the unit of each definition's frequencies.
HALF_BAND: dict[str, float] = {"radial": 0.25, "square_ring": 0.5}


class Spectrum(NamedTuple):
    """A power spectrum in one dimension.

    Args:
        frequency: Rising from 0. "radial": cycles per pixel, at most 0.5. "square_ring": radius over the largest
            radius, at most 1.
        power: Of the same length, in the unit that `power_spectrum` gives for the definition.
        definition: "radial" or "square_ring".
    """

    frequency: np.ndarray
    power: np.ndarray
    definition: Definition


def power_spectrum(features: np.ndarray, definition: Definition = "radial") -> Spectrum:
    """The power of features at each spatial frequency, whatever its direction.

    "radial" is the usual power spectral density: `|FFT|² / (height x width)`, averaged over the channels and then over
    rings of one radial frequency, which are `1 / min(height, width)` wide. The corners beyond 0.5 cycles per pixel are
    left out. White noise of variance s² is flat at s², in squared units of the features.

    "square_ring" is how the paper's authors drew their figures: of the mean over the channels, `|FFT|` with the
    constant part in the middle, padded with zeros to a square of odd sides, and `log(1 + sum)` over the border of each
    square around the middle. It grows with the length of the border, with the size of the picture, and with the
    logarithm of amplitude, not of power; a picture that is not square has different frequencies on the sides of a ring.

    Args:
        features: `(height, width, channels)`, at least 2x2 pixels.
        definition: "radial" or "square_ring".

    Returns:
        Frequencies and powers, from the constant part to the highest frequency.

    Raises:
        ValueError: If `features` has another shape, or `definition` is neither.

    Example:

    >>> stripes = np.tile([1.0, -1.0], (4, 2))[..., np.newaxis]
    >>> power_spectrum(stripes).frequency
    array([0.  , 0.25, 0.5 ])
    >>> power_spectrum(stripes, "square_ring").power.round(2)  # log(1 + 16) in the outermost ring alone
    array([0.  , 0.  , 2.83])

    References:
        - [Two Strategies Toward Lightweight Image Super-Resolution](https://doi.org/10.1109/ICASSP43922.2022.9747019)
        - https://github.com/NJU-Jet/SR_Framework
    """
    if features.ndim != 3 or min(features.shape[:2]) < 2 or not features.shape[2]:
        raise ValueError(
            "`features` must be an array (height, width, channels) of at least 2x2 pixels. "
            f"Received: features.shape={features.shape}"
        )
    if definition not in get_args(Definition):
        raise ValueError(f"`definition` must be 'radial' or 'square_ring'. Received: definition={definition!r}")
    features = features.astype(np.float64)  # NumPy transforms float32 in float32.
    return radial_spectrum(features) if definition == "radial" else square_ring_spectrum(features)


def radial_spectrum(features: np.ndarray) -> Spectrum:
    """The mean power on rings around the constant part: `power_spectrum` by the usual definition."""
    height, width, _ = features.shape
    side = min(height, width)
    density = np.mean(np.abs(np.fft.fft2(features, axes=(0, 1))) ** 2, axis=2) / (height * width)
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(height), np.fft.fftfreq(width), indexing="ij"))
    rings = np.floor(radius * side + 0.5).astype(int).ravel()
    mean = np.bincount(rings, density.ravel()) / np.bincount(rings)
    count = side // 2 + 1
    return Spectrum(np.arange(count) / side, mean[:count], "radial")


def square_ring_spectrum(features: np.ndarray) -> Spectrum:
    """The logarithm of summed amplitudes on square rings: `power_spectrum` by the authors' definition."""
    height, width, _ = features.shape
    amplitude = np.abs(np.fft.fft2(features.mean(axis=2)))
    # The distance from the middle of the padded square, without moving anything there: zeros add nothing to a sum.
    rows, columns = (np.abs(np.fft.fftfreq(side, 1 / side)).round().astype(int) for side in (height, width))
    rings = np.maximum(rows[:, np.newaxis], columns)
    sums = np.bincount(rings.ravel(), amplitude.ravel())
    return Spectrum(np.arange(len(sums)) / (len(sums) - 1), np.log1p(sums), "square_ring")


def high_frequency_power(spectrum: Spectrum) -> float:
    """The mean of a spectrum over the upper half of its band: above 0.25 cycles per pixel, or half the largest radius.

    Args:
        spectrum: Of either definition.

    Returns:
        Power in the unit of the spectrum.

    Example:

    >>> high_frequency_power(Spectrum(np.array([0, 0.25, 0.5]), np.array([9.0, 5.0, 2.0]), "radial"))
    2.0
    """
    return float(np.mean(spectrum.power[spectrum.frequency > HALF_BAND[spectrum.definition]]))


def discontinuities(spectra: Mapping[str, Spectrum]) -> list[str]:
    """The blocks that lose high frequencies, where the paper expects each to restore more than the one before.

    They are the dashed curves of Fig. 1: their `high_frequency_power` is below that of the block before. The first
    block has none before it, so that N blocks have at most N - 1 discontinuities.

    Args:
        spectra: The spectrum of each block's output, in the order of the blocks.

    Returns:
        Names of those blocks, in the same order.

    Example:

    >>> frequency = np.array([0.0, 0.5])
    >>> powers = {"block_1": [9, 3], "block_2": [9, 4], "block_3": [9, 2]}
    >>> discontinuities({name: Spectrum(frequency, np.array(power), "radial") for name, power in powers.items()})
    ['block_3']
    """
    powers = {name: high_frequency_power(spectrum) for name, spectrum in spectra.items()}
    blocks = list(powers)
    return [block for before, block in zip(blocks, blocks[1:], strict=False) if powers[block] < powers[before]]
