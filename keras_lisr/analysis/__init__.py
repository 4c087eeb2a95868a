"""What happens inside a network: spectra of its blocks (Fig. 1, 5), its residuals (Fig. 2, 6), its attention map."""

from keras_lisr.analysis.block_outputs import attention_map as attention_map
from keras_lisr.analysis.block_outputs import block_outputs as block_outputs
from keras_lisr.analysis.figures import draw_attention as draw_attention
from keras_lisr.analysis.figures import draw_residuals as draw_residuals
from keras_lisr.analysis.figures import draw_spectra as draw_spectra
from keras_lisr.analysis.power_spectrum import Spectrum as Spectrum
from keras_lisr.analysis.power_spectrum import discontinuities as discontinuities
from keras_lisr.analysis.power_spectrum import high_frequency_power as high_frequency_power
from keras_lisr.analysis.power_spectrum import power_spectrum as power_spectrum
from keras_lisr.analysis.residuals import above_reference as above_reference
from keras_lisr.analysis.residuals import residual_magnitude as residual_magnitude

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
