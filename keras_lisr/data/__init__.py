"""From images on disk to arrays: MATLAB's bicubic, folders of images, benchmark sets, training patches."""

from keras_lisr.data.benchmark_sets import BenchmarkImage as BenchmarkImage
from keras_lisr.data.benchmark_sets import BenchmarkSet as BenchmarkSet
from keras_lisr.data.benchmark_sets import find_benchmark_set as find_benchmark_set
from keras_lisr.data.degradation import Degradation as Degradation
from keras_lisr.data.image_folder import hold_out_photographs as hold_out_photographs
from keras_lisr.data.image_folder import image_files as image_files
from keras_lisr.data.image_folder import read_rgb as read_rgb
from keras_lisr.data.image_pairs import ImagePairs as ImagePairs
from keras_lisr.data.image_pairs import pair_images as pair_images
from keras_lisr.data.image_pairs import read_pairs as read_pairs
from keras_lisr.data.imresize import imresize as imresize
from keras_lisr.data.patches import PatchSampler as PatchSampler

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
