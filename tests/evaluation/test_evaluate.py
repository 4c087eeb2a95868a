import numpy as np
import pytest
from PIL import Image

from keras_lisr.data.benchmark_sets import BenchmarkSet
from keras_lisr.data.imresize import imresize
from keras_lisr.evaluation.evaluate import EvaluationResult, Measures, bicubic, evaluate
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
# Set14: published as 30.24, 27.55 and 26.00 dB, SSIM 0.8688, 0.7742 and 0.7027. Luma of its grey `bridge` adds 0.1 dB.
@pytest.mark.parametrize(
    ("name", "scale", "rounded_luma", "decibels", "similarity"),
    [
        ("Set5", 2, True, 33.64, 0.929),
        ("Set5", 3, True, 30.39, 0.868),
        ("Set5", 4, True, 28.42, 0.810),
        ("Set5", 2, False, 33.67, 0.930),
        ("Set5", 3, False, 30.40, 0.869),
        ("Set5", 4, False, 28.43, 0.811),
        ("Set14", 2, True, 30.22, 0.8688),
        ("Set14", 3, True, 27.53, 0.7742),
        ("Set14", 4, True, 25.99, 0.7027),
        ("Set14", 4, False, 25.99 + 0.095, 0.705),
    ],
)
def test_published_numbers_of_bicubic(benchmarks, name, scale, rounded_luma, decibels, similarity):
    protocol = EvaluationProtocol(rounded_luma=rounded_luma)
    result = evaluate(bicubic(scale), BenchmarkSet(benchmarks / name, scale), protocol)
    assert result.psnr == pytest.approx(decibels, abs=0.0055)
    assert result.ssim == pytest.approx(similarity, abs=0.00055)


def test_measures_every_image_under_the_protocol(tiny):
    protocol = EvaluationProtocol(shave=3, rounded_luma=True)
    result = evaluate(bicubic(2), tiny, protocol)
    assert list(result.images) == ["first", "second"]
    for image, (_, low_resolution, high_resolution) in zip(result.images.values(), tiny, strict=True):
        pair = high_resolution, imresize(low_resolution, 2)
        assert image.psnr == psnr(*pair, shave=3, rounded_luma=True)
        assert image.ssim == ssim(*pair, shave=3, rounded_luma=True)
        assert image.rgb_psnr == psnr(*pair, shave=3, channels="rgb")
        assert image.rgb_ssim == ssim(*pair, shave=3, channels="rgb")
        assert image.seconds > 0
    for name in ("psnr", "ssim", "rgb_psnr", "rgb_ssim", "seconds"):
        mean = sum(getattr(image, name) for image in result.images.values()) / 2
        assert getattr(result.mean, name) == pytest.approx(mean)
    assert (result.psnr, result.ssim) == (result.mean.psnr, result.mean.ssim)
    assert result.protocol == protocol and not result.skipped


def test_shaves_the_scale_unless_told_otherwise(tiny):
    assert evaluate(bicubic(2), tiny) == evaluate(bicubic(2), tiny, EvaluationProtocol(shave=2))
    assert evaluate(bicubic(2), tiny).protocol.shave == 2


def test_prints_a_table_headed_by_its_protocol():
    images = {
        "baby": Measures(31.777, 0.85671, 30.0, 0.8, 1.0),
        "butterfly": Measures(22.1, 0.7369, 20.5, 0.7, 3.0),
    }
    result = EvaluationResult("Set5", 4, "LR_bicubic/X4", EvaluationProtocol(shave=4), images)
    assert str(result).splitlines() == [
        "Set5 ×4, low resolution: LR_bicubic/X4",
        "8-bit RGB and its float luma (BT.601), shave 4, peak 255; SSIM: 11-tap Gaussian, sigma 1.5, valid region",
        "            PSNR    SSIM  RGB: PSNR    SSIM",
        "baby       31.78  0.8567      30.00  0.8000",
        "butterfly  22.10  0.7369      20.50  0.7000",
        "mean       26.94  0.7968      25.25  0.7500",
    ]


def test_result_of_another_size_is_an_error(tiny):
    with pytest.raises(ValueError, match="`upscale`.*'first'"):
        evaluate(bicubic(3), tiny)


def test_results_of_another_range_are_an_error(tiny):
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        evaluate(lambda image: imresize(image, 2).astype(np.float32), tiny)


def test_a_broken_image_raises_or_is_skipped_by_name(tiny):
    (tiny.folder / "HR" / "broken.png").write_bytes(b"no picture")
    tiny = BenchmarkSet(tiny.folder, scale=2)
    with pytest.raises(ValueError, match=r"broken\.png"):
        evaluate(bicubic(2), tiny)
    done = []
    result = evaluate(bicubic(2), tiny, skip_broken=True, progress=lambda: done.append(1))
    assert list(result.images) == ["first", "second"] and list(result.skipped) == ["broken.png"]
    assert "broken.png" in result.skipped["broken.png"] and len(done) == 3
    for name in ("first", "second"):
        (tiny.folder / "HR" / f"{name}.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="`benchmark_set`.*broken.png.*second.png"):
        evaluate(bicubic(2), tiny, skip_broken=True)


def test_an_image_too_small_to_be_measured_is_skipped_too(tiny):
    Image.fromarray(np.zeros((12, 40, 3), np.uint8)).save(tiny.folder / "HR" / "flat.png")
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(tiny.folder / "HR" / "dot.png")
    result = evaluate(bicubic(2), BenchmarkSet(tiny.folder, scale=2), skip_broken=True)
    assert list(result.images) == ["first", "second"] and list(result.skipped) == ["dot.png", "flat.png"]
