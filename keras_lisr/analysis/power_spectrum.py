"""Power spectra of the blocks' outputs (Fig. 1 and 5).

They are normalized for the size of the picture alone: the blocks of a network are compared in the units of its
features, so that a block which only amplifies everything has more power at every frequency.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

import numpy as np

Definition = Literal["radial", "square_ring"]

# Start of the upper half of the band, in the unit of each definition's frequencies.
HALF_BAND: dict[str, float] = {"radial": 0.25, "square_ring": 0.5}


class Spectrum(NamedTuple):
    """A power spectrum in one dimension.

    Args:
        frequency: Rising from 0. "radial": cycles per pixel, at most 0.5. "square_ring": radius over the largest
            radius, at most 1.
        power: Power at each frequency, in the unit of the definition, see `power_spectrum`.
        definition: "radial" or "square_ring".
    """

    frequency: np.ndarray
    power: np.ndarray
    definition: Definition


def power_spectrum(features: np.ndarray, definition: Definition = "radial") -> Spectrum:
    """Computes the power of features at each spatial frequency, over all directions.

    "radial" is the usual power spectral density: `|FFT|² / (height x width)`, averaged over the channels and then over
    rings of one radial frequency, which are `1 / min(height, width)` wide. The corners beyond 0.5 cycles per pixel are
    left out. White noise of variance s² is flat at s², in squared units of the features.

    "square_ring" is the definition of the paper's figures: `|FFT|` of the mean over the channels, padded with zeros to
    a square of odd sides around the constant part, and `log(1 + sum)` over the border of each square around the middle.
    It grows with the length of the border, the size of the picture, and the logarithm of amplitude, not of power; the
    sides of a ring have different frequencies unless the picture is square.

    Args:
        features: `(height, width, channels)`, at least 2x2 pixels.
        definition: "radial" or "square_ring".

    Raises:
        ValueError: If `features` has another shape, or `definition` is unknown.

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
    features = features.astype(np.float64)  # NumPy would compute in float32.
    return radial_spectrum(features) if definition == "radial" else square_ring_spectrum(features)


def radial_spectrum(features: np.ndarray) -> Spectrum:
    """Computes the mean power on rings of one radial frequency."""
    height, width, _ = features.shape
    side = min(height, width)
    density = np.mean(np.abs(np.fft.fft2(features, axes=(0, 1))) ** 2, axis=2) / (height * width)
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(height), np.fft.fftfreq(width), indexing="ij"))
    rings = np.floor(radius * side + 0.5).astype(int).ravel()
    mean = np.bincount(rings, density.ravel()) / np.bincount(rings)
    count = side // 2 + 1
    return Spectrum(np.arange(count) / side, mean[:count], "radial")


def square_ring_spectrum(features: np.ndarray) -> Spectrum:
    """Computes the logarithm of summed amplitudes on square rings."""
    height, width, _ = features.shape
    amplitude = np.abs(np.fft.fft2(features.mean(axis=2)))
    # Distances from the middle of the padded square; padding itself adds nothing to a sum.
    rows, columns = (np.abs(np.fft.fftfreq(side, 1 / side)).round().astype(int) for side in (height, width))
    rings = np.maximum(rows[:, np.newaxis], columns)
    sums = np.bincount(rings.ravel(), amplitude.ravel())
    return Spectrum(np.arange(len(sums)) / (len(sums) - 1), np.log1p(sums), "square_ring")


def high_frequency_power(spectrum: Spectrum) -> float:
    """Averages a spectrum over the upper half of its band: above 0.25 cycles per pixel, or half the largest radius.

    Example:

    >>> high_frequency_power(Spectrum(np.array([0, 0.25, 0.5]), np.array([9.0, 5.0, 2.0]), "radial"))
    2.0
    """
    return float(np.mean(spectrum.power[spectrum.frequency > HALF_BAND[spectrum.definition]]))


def discontinuities(spectra: Mapping[str, Spectrum]) -> list[str]:
    """Returns the names of the blocks that lose high frequencies, the dashed curves of Fig. 1.

    Their `high_frequency_power` is below that of the block before, where the paper expects each block to restore more.
    N blocks have at most N - 1 discontinuities.

    Args:
        spectra: Spectra of the blocks' outputs, in order, by the block's name.

    Example:

    >>> frequency = np.array([0.0, 0.5])
    >>> powers = {"block_1": [9, 3], "block_2": [9, 4], "block_3": [9, 2]}
    >>> discontinuities({name: Spectrum(frequency, np.array(power), "radial") for name, power in powers.items()})
    ['block_3']
    """
    powers = {name: high_frequency_power(spectrum) for name, spectrum in spectra.items()}
    blocks = list(powers)
    return [block for before, block in zip(blocks, blocks[1:], strict=False) if powers[block] < powers[before]]
