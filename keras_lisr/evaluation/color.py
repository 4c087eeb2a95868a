"""BT.601 luma, the one channel that most super-resolution papers measure."""

import numpy as np

# MATLAB's rgb2ycbcr (ITU-R BT.601, studio range): 16 + weights @ RGB, for RGB in [0, 255].
LUMA_OFFSET = 16.0
LUMA_WEIGHTS = (65.481 / 255, 128.553 / 255, 24.966 / 255)


def luma(image: np.ndarray) -> np.ndarray:
    """Converts RGB to the Y of YCbCr as MATLAB's `rgb2ycbcr` does, without its rounding.

    Studio range: black is 16 and white is 235, so a PSNR with a peak of 255 comes out higher than on full-range grey.

    Args:
        image: `(..., 3)` RGB in **[0, 255]**, `uint8` or floating-point.

    Returns:
        `float64` array `(...)` in [16, 235].

    Raises:
        ValueError: If the last axis isn't RGB.

    Example:
        >>> luma(np.array([[0, 0, 0], [255, 255, 255]], np.uint8)).round(6).tolist()
        [16.0, 235.0]
    """
    if image.shape[-1:] != (3,):
        raise ValueError(f"`image` must have shape (..., 3). Received: image.shape={image.shape}")
    return LUMA_OFFSET + image.astype(np.float64) @ LUMA_WEIGHTS
