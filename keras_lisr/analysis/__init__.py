"""Analysis of networks: spectra of the blocks (Fig. 1, 5), residuals (Fig. 2, 6) and the attention map."""

from keras_lisr.analysis.block_outputs import attention_map, block_outputs
from keras_lisr.analysis.figures import draw_attention, draw_residuals, draw_spectra
from keras_lisr.analysis.power_spectrum import Spectrum, discontinuities, high_frequency_power, power_spectrum
from keras_lisr.analysis.residuals import above_reference, residual_magnitude

__all__ = [
    "Spectrum",
    "above_reference",
    "attention_map",
    "block_outputs",
    "discontinuities",
    "draw_attention",
    "draw_residuals",
    "draw_spectra",
    "high_frequency_power",
    "power_spectrum",
    "residual_magnitude",
]
