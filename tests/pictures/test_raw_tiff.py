import numpy as np
import pytest

from keras_lisr.pictures import raw_tiff, read_picture
from keras_lisr.pictures.read import picture_size


@pytest.mark.parametrize("height", [1, 16, 17, 100])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_rows_become_a_tiff(tmp_path, height, channels, dtype):
    pixels = np.random.default_rng(0).integers(0, 256, (height, 23, channels)).astype(dtype)
    with (tmp_path / "a.tif").open("wb") as file:
        file.write(bytes(raw_tiff.HEADER))
        file.write(pixels.astype(pixels.dtype.newbyteorder("<")).tobytes())
        raw_tiff.finish(file, *pixels.shape, np.dtype(dtype))
    assert picture_size(tmp_path / "a.tif") == (height, 23, channels, 8 * pixels.itemsize, 1, "TIFF", pixels.nbytes)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.tif").pixels, pixels)
