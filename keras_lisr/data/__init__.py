"""From images on disk to arrays: MATLAB's bicubic, folders of images, benchmark sets, training patches."""

from keras_lisr.data.benchmark_sets import BenchmarkImage, BenchmarkSet, find_benchmark_set
from keras_lisr.data.degradation import Degradation
from keras_lisr.data.image_folder import hold_out_photographs, image_files, read_rgb
from keras_lisr.data.image_pairs import ImagePairs, pair_images, read_pairs
from keras_lisr.data.imresize import imresize
from keras_lisr.data.patches import PatchSampler

__all__ = [
    "BenchmarkImage",
    "BenchmarkSet",
    "Degradation",
    "ImagePairs",
    "PatchSampler",
    "find_benchmark_set",
    "hold_out_photographs",
    "image_files",
    "imresize",
    "pair_images",
    "read_pairs",
    "read_rgb",
]
