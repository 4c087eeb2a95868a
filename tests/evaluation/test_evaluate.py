import numpy as np
import pytest
from PIL import Image

from keras_lisr.data.benchmark_sets import BenchmarkSet
from keras_lisr.data.imresize import imresize
from keras_lisr.evaluation.evaluate import EvaluationResult, ImageResult, bicubic, evaluate
from keras_lisr.evaluation.metrics import psnr, ssim
from keras_lisr.evaluation.protocol import EvaluationProtocol


@pytest.fixture
def tiny(tmp_path):
    (tmp_path / "Tiny" / "HR").mkdir(parents=True)
    for seed, name in enumerate(["first", "second"]):
        pixels = np.random.default_rng(seed).integers(0, 256, (32, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "Tiny" / "HR" / f"{name}.png")
    return BenchmarkSet(tmp_path / "Tiny", scale=2)


# Set5: published as 33.66, 30.39 and 28.42 dB, SSIM 0.9299, 0.8682 and 0.8104, with MATLAB's rounded luma or without.
# Set14: published as 30.24, 27.55 and 26.00 dB; its grey `bridge` replicated to RGB adds 20 log10(255 / 219) / 14 dB.
@pytest.mark.parametrize(
    ("name", "scale", "rounded_luma", "decibels", "similarity"),
    [
        ("Set5", 2, True, 33.64, 0.929),
        ("Set5", 3, True, 30.39, 0.868),
        ("Set5", 4, True, 28.42, 0.810),
        ("Set5", 2, False, 33.67, 0.930),
        ("Set5", 3, False, 30.40, 0.869),
        ("Set5", 4, False, 28.43, 0.811),
        ("Set14", 2, True, 30.22 + 0.094, 0.869),
        ("Set14", 3, True, 27.53 + 0.094, 0.775),
        ("Set14", 4, True, 25.99 + 0.094, 0.704),
    ],
)
def test_published_numbers_of_bicubic(benchmarks, name, scale, rounded_luma, decibels, similarity):
    protocol = EvaluationProtocol(rounded_luma=rounded_luma)
    result = evaluate(bicubic(scale), BenchmarkSet(benchmarks / name, scale), protocol)
    assert result.psnr == pytest.approx(decibels, abs=0.0055)
    assert result.ssim == pytest.approx(similarity, abs=0.00055)


def test_measures_every_image_under_the_protocol(tiny):
    protocol = EvaluationProtocol("rgb", shave=3)
    result = evaluate(bicubic(2), tiny, protocol)
    assert [image.name for image in result.images] == ["first", "second"]
    for image, (_, low_resolution, high_resolution) in zip(result.images, tiny, strict=True):
        pair = high_resolution, imresize(low_resolution, 2)
        assert image.psnr == psnr(*pair, shave=3, channels="rgb")
        assert image.ssim == ssim(*pair, shave=3, channels="rgb")
    assert result.psnr == pytest.approx(sum(image.psnr for image in result.images) / 2)
    assert result.ssim == pytest.approx(sum(image.ssim for image in result.images) / 2)
    assert result.protocol == protocol


def test_shaves_the_scale_unless_told_otherwise(tiny):
    assert evaluate(bicubic(2), tiny) == evaluate(bicubic(2), tiny, EvaluationProtocol(shave=2))
    assert evaluate(bicubic(2), tiny).protocol.shave == 2


def test_floats_are_rounded_to_8_bits(tiny):
    assert evaluate(lambda image: imresize(image, 2) / 255, tiny) == evaluate(bicubic(2), tiny)


def test_prints_a_table_headed_by_its_protocol():
    images = (ImageResult("baby", 31.777, 0.85671), ImageResult("butterfly", 22.1, 0.7369))
    result = EvaluationResult("Set5", 4, "LR_bicubic/X4", EvaluationProtocol(shave=4), images)
    assert str(result).splitlines() == [
        "Set5 ×4, low resolution: LR_bicubic/X4",
        "float luma (BT.601) of 8-bit RGB, shave 4, peak 255; SSIM: 11-tap Gaussian, sigma 1.5, valid region",
        "            PSNR    SSIM",
        "baby       31.78  0.8567",
        "butterfly  22.10  0.7369",
        "mean       26.94  0.7968",
    ]


def test_result_of_another_size_is_an_error(tiny):
    message = r"must return shape \(32, 40, 3\) for image 'first' of shape \(16, 20, 3\). Received: shape \(48, 60, 3\)"
    with pytest.raises(ValueError, match=message):
        evaluate(bicubic(3), tiny)
