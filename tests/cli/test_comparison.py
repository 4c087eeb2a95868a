import numpy as np
import pytest
from PIL import Image

from keras_lisr.batch import Job
from keras_lisr.cli.comparison import write_comparison
from keras_lisr.data import imresize
from keras_lisr.pictures import Picture, read_picture, write_picture


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [2, 3])
def test_bicubic_at_the_left_and_the_result_at_the_right(tmp_path, channels, dtype):
    colours = np.random.default_rng(0).integers(0, 256, (20, 300, channels), dtype=np.uint8)
    job = Job(tmp_path / "in.png", tmp_path / "out.png")
    pixels = colours.astype(dtype) * dtype(1 if dtype == np.uint8 else 257)
    write_picture(Picture(pixels), job.source)
    write_picture(Picture(pixels.repeat(3, axis=0).repeat(3, axis=1)), job.target)
    write_comparison(job, tmp_path / "both.png", 3, 10**6)
    seen = (colours if channels == 3 else colours[..., [0, 0, 0]])[:, 22:278]  # The middle.
    both = read_picture(tmp_path / "both.png").pixels
    np.testing.assert_array_equal(both[:, :768], imresize(seen, 3))
    np.testing.assert_array_equal(both[:, 768:], seen.repeat(3, axis=0).repeat(3, axis=1))


def test_of_animations_the_first_frame_is_compared(tmp_path):
    job = Job(tmp_path / "in.gif", tmp_path / "out.webp")
    for file, side in ((job.source, 10), (job.target, 20)):
        frames = [Image.new("RGB", (side, side), colour) for colour in ("black", "white", "red")]
        frames[0].save(file, save_all=True, append_images=frames[1:])
    write_comparison(job, tmp_path / "both.png", 2, 10**6)
    both = read_picture(tmp_path / "both.png").pixels
    assert both.shape == (20, 40, 3) and both.max() < 10
