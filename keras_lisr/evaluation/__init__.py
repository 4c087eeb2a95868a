"""Quality and cost of networks: PSNR and SSIM under a stated protocol, parameters and multiply-accumulates."""

from keras_lisr.evaluation.color import luma
from keras_lisr.evaluation.cost import multiply_accumulates, parameters
from keras_lisr.evaluation.evaluate import EvaluationResult, Measures, bicubic, evaluate
from keras_lisr.evaluation.metrics import PSNR, SSIM, psnr, ssim
from keras_lisr.evaluation.protocol import EvaluationProtocol

__all__ = [
    "PSNR",
    "SSIM",
    "EvaluationProtocol",
    "EvaluationResult",
    "Measures",
    "bicubic",
    "evaluate",
    "luma",
    "multiply_accumulates",
    "parameters",
    "psnr",
    "ssim",
]
