"""Quality and cost of networks: PSNR and SSIM under a stated protocol, parameters and multiply-accumulates."""

from keras_lisr.evaluation.color import luma as luma
from keras_lisr.evaluation.cost import multiply_accumulates as multiply_accumulates
from keras_lisr.evaluation.cost import parameters as parameters
from keras_lisr.evaluation.evaluate import EvaluationResult as EvaluationResult
from keras_lisr.evaluation.evaluate import Measures as Measures
from keras_lisr.evaluation.evaluate import bicubic as bicubic
from keras_lisr.evaluation.evaluate import evaluate as evaluate
from keras_lisr.evaluation.metrics import PSNR as PSNR
from keras_lisr.evaluation.metrics import SSIM as SSIM
from keras_lisr.evaluation.metrics import psnr as psnr
from keras_lisr.evaluation.metrics import ssim as ssim
from keras_lisr.evaluation.protocol import EvaluationProtocol as EvaluationProtocol

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
