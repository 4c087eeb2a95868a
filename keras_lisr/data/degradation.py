"""The usual damage to a photograph before it is upscaled: blur, resizing, noise and JPEG.

A network that was trained on bicubic low resolution alone takes blur and blocks for content: it leaves a soft photo
soft and sharpens its noise. The order is that of the first round of Real-ESRGAN, with JPEG last, as photos are stored.
"""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from keras_lisr.data.image_pairs import ImagePairs

# Pillow widens them when it shrinks, so that none has aliases.
KERNELS = (
    Image.Resampling.BOX,
    Image.Resampling.BILINEAR,
    Image.Resampling.HAMMING,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
)
# Pixels of low resolution that are degraded with a patch on each side: enough for the default blur and sizes.
REACH = 8


@dataclass(frozen=True, kw_only=True)
class Degradation:
    """Makes the low-resolution image of a photograph: blur, resize by a random kernel, noise, resize, JPEG.

    Strengths are drawn evenly: of blur and noise from 0, of JPEG up to quality 100, the size between from its range.

    Args:
        blur: Largest standard deviation of the Gaussian blur, across and down, in pixels of low resolution.
        resize: Smallest and largest side between the two resizings, in sides of the low-resolution image.
        noise: Largest standard deviation of Gaussian noise, in levels of 0 to 255; grey or coloured.
        jpeg_quality: Lowest quality of JPEG, as Pillow counts it; the highest is 100.

    Raises:
        ValueError: If one of them makes no sense.

    Example:

    >>> photograph = np.zeros((48, 64, 3), np.uint8)
    >>> Degradation()(photograph, scale=4, random=np.random.default_rng(0)).shape
    (12, 16, 3)

    References:
        - [Real-ESRGAN](https://arxiv.org/abs/2107.10833)
        - [Designing a Practical Degradation Model for Deep Blind Image Super-Resolution](https://arxiv.org/abs/2103.14006)
    """

    blur: float = 0.7
    resize: tuple[float, float] = (0.7, 2.0)
    noise: float = 10.0
    jpeg_quality: int = 50

    def __post_init__(self):
        if self.blur < 0 or self.noise < 0:
            raise ValueError(f"`blur` and `noise` must not be negative. Received: blur={self.blur}, noise={self.noise}")
        if not 0 < self.resize[0] <= self.resize[1]:
            raise ValueError(f"`resize` must be two factors above 0, the smaller first. Received: resize={self.resize}")
        if not 1 <= self.jpeg_quality <= 100:
            raise ValueError(f"`jpeg_quality` must be from 1 to 100. Received: jpeg_quality={self.jpeg_quality}")

    def __call__(self, image: np.ndarray, scale: int, random: np.random.Generator) -> np.ndarray:
        """Returns the low-resolution version of an image.

        Args:
            image: uint8 `(height, width, 3)`, each side a multiple of `scale`.
            scale: Downscaling factor.
            random: Source of the random strengths and kernels.

        Returns:
            uint8 `(height / scale, width / scale, 3)`.
        """
        height, width = (side // scale for side in image.shape[:2])
        photo = Image.fromarray(image)
        photo = photo.filter(ImageFilter.GaussianBlur(tuple(random.uniform(0, self.blur * scale, size=2))))
        between = random.uniform(*self.resize)
        size = max(1, round(width * between)), max(1, round(height * between))
        photo = photo.resize(size, KERNELS[random.integers(len(KERNELS))])
        photo = Image.fromarray(add_noise(np.asarray(photo), random.uniform(0, self.noise), random))
        photo = photo.resize((width, height), KERNELS[random.integers(len(KERNELS))])
        file = io.BytesIO()
        photo.save(file, "JPEG", quality=int(random.integers(self.jpeg_quality, 100, endpoint=True)))
        return np.asarray(Image.open(file))

    def crop(
        self, image: np.ndarray, corner: np.ndarray, size: int, scale: int, random: np.random.Generator
    ) -> np.ndarray:
        """Returns a patch of the low-resolution version, uint8 `(size, size, 3)`, made from its neighbourhood alone.

        `corner` is the row and column of the patch's first pixel in the low-resolution image.
        """
        first = np.maximum(corner - REACH, 0)
        last = np.minimum(corner + size + REACH, np.array(image.shape[:2]) // scale)
        (top, left), (bottom, right) = first * scale, last * scale
        low_resolution = self(image[top:bottom, left:right], scale, random)
        top, left = corner - first
        return low_resolution[top : top + size, left : left + size]


def add_noise(image: np.ndarray, deviation: float, random: np.random.Generator) -> np.ndarray:
    """Adds grey or coloured Gaussian noise to uint8 `(height, width, 3)`."""
    channels = random.choice([1, 3])
    noise = random.standard_normal((*image.shape[:2], channels), np.float32) * np.float32(deviation)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


def degrade_pairs(pairs: ImagePairs, degradation: Degradation, scale: int, seed: int = 0) -> ImagePairs:
    """Returns the pairs with degraded low-resolution images, for validation; the seed decides how each is degraded."""
    low_resolution = [
        degradation(image, scale, np.random.default_rng((seed, i))) for i, image in enumerate(pairs.high_resolution)
    ]
    return ImagePairs(pairs.names, low_resolution, pairs.high_resolution, pairs.left_out)
