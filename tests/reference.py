"""Values to compute with and plain NumPy to compare with, the same on every backend."""

import struct
import zlib

import keras
import numpy as np


def wave(*shape: int, phase: float = 0) -> np.ndarray:
    """Values in [-1, 1] that look random and owe nothing to a random generator: the sine of a growing frequency."""
    i = np.arange(np.prod(shape), dtype=np.float64)
    return np.sin(0.5 * i**2 + phase).reshape(shape).astype(np.float32)


def picture(*shape: int, phase: float = 0) -> np.ndarray:
    """Like `wave`, in [0, 1]."""
    return (wave(*shape, phase=phase) + 1) / 2


def assign_waves(target: keras.Layer) -> None:
    """Sets all weights of a layer or model from `wave`, so that no initializer has a say in what it computes."""
    centres = {"bias": 0, "beta": 0, "moving_mean": 0, "gamma": 1, "moving_variance": 1, "alpha": 0.9, "belt": 0}
    for i, weight in enumerate(target.weights):
        values = wave(*weight.shape, phase=i)
        if weight.name == "kernel":
            fan_in = np.prod(weight.shape[:-1])
            weight.assign(values * np.sqrt(2 / fan_in))
        elif weight.path.endswith("squeeze/bias"):
            weight.assign(1.5 + 0.1 * values)  # A narrow gate has a single unit, which must not be off.
        else:
            weight.assign(centres[weight.name] + 0.1 * values)


def convolution(image: np.ndarray, kernel: np.ndarray, bias: np.ndarray | float = 0, stride: int = 1) -> np.ndarray:
    """2-D convolution as networks mean it, "valid": `(b, h, w, c)` with `(k, k, c, f)` to `(b, h', w', f)`."""
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape[:2], axis=(1, 2))
    return np.einsum("bhwcij,ijcf->bhwf", windows[:, ::stride, ::stride], kernel) + bias


def pad(image: np.ndarray, radius: int) -> np.ndarray:
    """The images with a border of zeros, which makes a convolution "same"."""
    return np.pad(image, ((0, 0), (radius, radius), (radius, radius), (0, 0)))


def normalize(features: np.ndarray, normalization: keras.layers.BatchNormalization) -> np.ndarray:
    """What batch normalization computes outside training, with the 1e-5 of PyTorch."""
    gamma, beta, mean, variance = map(to_numpy, normalization.weights)
    return (features - mean) / np.sqrt(variance + 1e-5) * gamma + beta


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Values in (0, 1)."""
    return 1 / (1 + np.exp(-logits))


def relu(features: np.ndarray) -> np.ndarray:
    """Values of at least 0."""
    return np.maximum(features, 0)


def to_numpy(tensor) -> np.ndarray:
    """A tensor or variable of any backend and precision, as float32."""
    return keras.ops.convert_to_numpy(tensor).astype(np.float32)


def assert_close(actual, expected, atol: float = 1e-5) -> None:
    """Both are tensors of any backend or arrays, of the same shape, up to rounding."""
    np.testing.assert_allclose(to_numpy(actual), to_numpy(expected), rtol=0, atol=atol)


def png_of_16_bit_rgb(path):
    """Writes a PNG of two pixels by hand: Pillow reads such files but cannot make them."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" + bytes(12))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))
