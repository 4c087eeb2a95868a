"""The bound on memory, measured: the largest resident size of the command's process."""

import keras
import numpy as np
import pytest
import pyvips
from command_line import run_and_measure
from picture_files import enlarge, noise
from process_memory import ON_LINUX

from keras_lisr.inference import Upscaler


def nearest_x4():
    """A network that repeats every pixel, and adds a little of those around it."""
    inputs = keras.Input((None, None, 3))
    convolution = keras.layers.Conv2D(48, 3, padding="same")
    model = keras.Model(inputs, keras.ops.depth_to_space(convolution(inputs), 4))
    kernel = np.random.default_rng(0).uniform(-0.02, 0.02, (3, 3, 3, 48))
    kernel[1, 1] += np.tile(np.eye(3), 16)
    convolution.set_weights([kernel, np.zeros(48)])
    return model


@pytest.mark.slow
@ON_LINUX
def test_100_megapixels_become_four_times_as_large_in_2_gib(tmp_path):
    """In 40,000 x 40,000 pixels, some crops are what the network makes of them with the correction of colours."""
    model = nearest_x4()
    model.save(tmp_path / "x4.keras")
    noise(tmp_path / "tile.png", 1000, 1000)
    picture = pyvips.Image.new_from_file(str(tmp_path / "tile.png")).replicate(10, 10)
    picture.tiffsave(str(tmp_path / "a.tif"), compression="lzw")
    target = tmp_path / "b.tif"
    options = ["--memory", "512MiB", "--precision", "float32"]
    command = ["upscale", tmp_path / "a.tif", "-n", tmp_path / "x4.keras", "-o", target, *options]
    done, peak = run_and_measure(*command, peak=tmp_path / "peak")
    assert (done.returncode, done.stderr) == (0, "")
    assert peak < 2048

    result = pyvips.Image.new_from_file(str(target))
    assert (result.height, result.width, result.bands) == (40_000, 40_000, 3)
    upscaler = Upscaler(model, precision="float32")
    margin, side = 64, 256
    for top, left in ((1024, 64), (4096, 8192), (9536, 9600)):
        part = picture.crop(left - margin, top - margin, side + 2 * margin, side + 2 * margin).numpy()
        expected = enlarge(upscaler, part)[4 * margin : -4 * margin, 4 * margin : -4 * margin]
        crop = result.crop(4 * left, 4 * top, 4 * side, 4 * side).numpy()
        difference = np.abs(crop.astype(int) - expected)
        assert difference.max() <= 1 and (difference > 0).mean() < 1e-4  # Floats between two bytes fall either way.
