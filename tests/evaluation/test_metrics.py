import math

import keras
import numpy as np
import pytest

from keras_lisr.evaluation.metrics import PSNR, SSIM, psnr, ssim

OPTIONS = [(0, "luma"), (4, "rgb")]


def waves_and_noise(seed=0):
    y, x = np.mgrid[:48, :64]
    waves = np.stack([127 + 90 * np.sin(x / 3), 127 + 90 * np.sin(y / 5), 127 + 90 * np.sin((x + y) / 7)], axis=-1)
    noise = np.random.default_rng(seed).integers(-20, 21, (2, 48, 64, 3))
    return np.clip(np.rint(waves) + noise, 0, 255).astype(np.uint8)


# Made with scikit-image 0.26.0, which the project doesn't need otherwise:
#
#   original, distorted = waves_and_noise()
#   options = {"data_range": 255, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
#   for shave in (0, 4):
#       x, y = (image[shave : 48 - shave, shave : 64 - shave] for image in (original, distorted))
#       x_luma, y_luma = (skimage.color.rgb2ycbcr(image)[..., 0] for image in (x, y))
#       print(peak_signal_noise_ratio(x_luma, y_luma, data_range=255), structural_similarity(x_luma, y_luma, **options))
#       print(peak_signal_noise_ratio(x, y), structural_similarity(x, y, channel_axis=2, **options))
@pytest.mark.parametrize(
    ("shave", "channels", "decibels", "similarity"),
    [
        (0, "luma", 28.410507767108907, 0.7701583639463506),
        (0, "rgb", 23.602791989128157, 0.7075335327316054),
        (4, "luma", 28.492771116840622, 0.7764856026672207),
        (4, "rgb", 23.621644091806896, 0.7161933649603128),
    ],
)
def test_equal_to_scikit_image(shave, channels, decibels, similarity):
    pair = waves_and_noise()
    assert psnr(*pair, shave=shave, channels=channels) == pytest.approx(decibels, abs=1e-9)
    assert ssim(*pair, shave=shave, channels=channels) == pytest.approx(similarity, abs=1e-9)


def test_identical_images():
    image, _ = waves_and_noise()
    assert psnr(image, image, shave=0) == math.inf
    assert ssim(image, image, shave=0) == 1


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_border_does_not_count(metric):
    x, y = waves_and_noise()
    spoiled = y.copy()
    spoiled[:3] = spoiled[-3:] = spoiled[:, :3] = spoiled[:, -3:] = 0
    assert metric(x, spoiled, shave=3) == metric(x, y, shave=3)
    assert metric(x, spoiled, shave=2) < metric(x, y, shave=2)


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_floats_are_clipped_and_rounded_to_8_bits(metric):
    x, y = waves_and_noise()
    noise = np.random.default_rng(1).uniform(-0.49, 0.49, y.shape)
    as_float = (y + noise) / 255
    as_float[y == 0] -= 1
    as_float[y == 255] += 1
    for dtype in (np.float32, np.float64):
        assert metric(x, as_float.astype(dtype), shave=0) == metric(x, y, shave=0)


def test_luma_can_be_rounded_as_matlab_does():
    x = np.zeros((16, 16, 3), np.uint8)
    y = x + np.uint8([1, 0, 0])  # 0.26 more luma, which rounding hides.
    assert psnr(x, y, shave=0) == pytest.approx(20 * math.log10(255 / (65.481 / 255)))
    assert psnr(x, y, shave=0, rounded_luma=True) == math.inf


def test_nan_is_not_hidden():
    x, y = waves_and_noise() / 255
    y[20, 20] = np.nan
    assert math.isnan(psnr(x, y, shave=0))
    assert math.isnan(ssim(x, y, shave=0))


BLACK = np.zeros((16, 16, 3))


@pytest.mark.parametrize("metric", [psnr, ssim])
@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (np.zeros((16, 17, 3)), {}, "`super_resolved`"),
        (BLACK.astype(int), {}, "dtype=int64"),
        (BLACK, {"shave": 8}, "`shave`"),
        (BLACK, {"shave": None}, "`shave`"),
        (BLACK, {"channels": "y"}, "`channels`"),
    ],
)
def test_refuses(metric, y, options, message):
    with pytest.raises(ValueError, match=message):
        metric(BLACK, y, **{"shave": 0, **options})


def test_ssim_needs_one_window():
    with pytest.raises(ValueError, match="11×11"):
        ssim(BLACK, BLACK, shave=3)


@pytest.mark.parametrize("metric", [psnr, ssim])
@pytest.mark.parametrize("other_range", [lambda image: image.astype(np.float32), lambda image: image / 127.5 - 1])
def test_another_range_is_refused(metric, other_range):
    original, output = waves_and_noise()
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        metric(other_range(original), output / 255, shave=0)
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        metric(original, other_range(output), shave=0)


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_a_young_network_is_measured(metric):
    original, _ = waves_and_noise()
    for output in (
        original / 255 * 0.01 - 0.02,
        original / 255 * 1.5 - 0.5,
        np.random.default_rng(0).normal(size=original.shape),
    ):
        assert metric(original, output, shave=0) < 20


@pytest.mark.parametrize(("metric", "function"), [(PSNR, psnr), (SSIM, ssim)])
def test_keras_metrics_take_bytes_and_are_nan_or_raise_for_other_ranges(metric, function):
    originals, outputs = batch()
    expected = np.mean([function(*pair, shave=4) for pair in zip(originals, outputs, strict=True)])
    as_bytes = (originals * 255).round().astype(np.uint8)
    model = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Activation("linear")])
    model.compile(loss="mae", metrics=[metric(shave=4)])
    for targets, measured in ((as_bytes, expected), (as_bytes.astype("f4"), math.nan), (2 * originals - 1, math.nan)):
        assert model.evaluate(outputs, targets, verbose=0)[1] == pytest.approx(measured, abs=1e-4, nan_ok=True)
    for predictions in (2 * outputs - 1, 255 * outputs):
        assert math.isnan(model.evaluate(predictions, as_bytes, verbose=0)[1])
        assert math.isnan(model.evaluate(predictions, originals, verbose=0)[1])
    with pytest.raises(ValueError, match="dtype=int"):
        metric(shave=4).update_state(as_bytes.astype(np.int32), outputs)


def batch():
    pairs = [waves_and_noise(seed).astype(np.float32) / 255 for seed in range(3)]
    return np.stack([pair[0] for pair in pairs]), np.stack([pair[1] for pair in pairs])


@pytest.mark.parametrize(("shave", "channels"), OPTIONS)
@pytest.mark.parametrize(("metric", "function"), [(PSNR, psnr), (SSIM, ssim)])
def test_keras_metric_agrees_with_the_function(metric, function, shave, channels):
    originals, outputs = batch()
    outputs = outputs + np.random.default_rng(0).normal(0, 0.05, outputs.shape).astype(np.float32)  # Leaves [0, 1].
    expected = [function(x, y, shave=shave, channels=channels) for x, y in zip(originals, outputs, strict=True)]
    keras_metric = metric(shave=shave, channels=channels)
    keras_metric.update_state(originals[:2], outputs[:2])
    keras_metric.update_state(originals[2:], outputs[2:])
    assert float(keras_metric.result()) == pytest.approx(np.mean(expected), abs=1e-4)
    keras_metric.reset_state()
    keras_metric.update_state(originals, outputs, sample_weight=np.array([0, 0, 1]))
    assert float(keras_metric.result()) == pytest.approx(expected[2], abs=1e-4)


def test_keras_metrics_agree_for_nearly_identical_flat_images():
    x = np.full((1, 48, 48, 3), 250, np.uint8)
    y = x.copy()
    y[:, ::5, ::7] -= 1
    for metric, function in [(PSNR, psnr), (SSIM, ssim)]:
        keras_metric = metric(shave=2)
        keras_metric.update_state(x.astype(np.float32) / 255, y.astype(np.float32) / 255)
        assert float(keras_metric.result()) == pytest.approx(function(x[0], y[0], shave=2), abs=5e-4)  # Of 65 dB.


@pytest.mark.parametrize("jit_compile", [False, True])
def test_keras_metrics_in_compile(jit_compile):
    originals, outputs = batch()
    model = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Activation("linear")])
    model.compile(loss="mae", metrics=[PSNR(shave=4), SSIM(shave=4)], jit_compile=jit_compile)
    measured = model.evaluate(outputs, originals, batch_size=3, verbose=0, return_dict=True)
    pairs = list(zip(originals, outputs, strict=True))
    assert measured["psnr"] == pytest.approx(np.mean([psnr(*pair, shave=4) for pair in pairs]), abs=1e-4)
    assert measured["ssim"] == pytest.approx(np.mean([ssim(*pair, shave=4) for pair in pairs]), abs=1e-4)


@pytest.mark.parametrize("metric", [PSNR, SSIM])
def test_keras_metric_round_trip(metric):
    original = metric(shave=3, channels="rgb", name="mine")
    config = keras.saving.serialize_keras_object(original)
    assert config["registered_name"] == f"keras_lisr>{metric.__name__}"
    restored = keras.saving.deserialize_keras_object(config)
    assert type(restored) is metric
    assert restored.get_config() == original.get_config()
    assert original.get_config() == {"name": "mine", "dtype": "float32", "shave": 3, "channels": "rgb"}


def test_grey_is_compared_in_its_own_values():
    waves, noise = (image[..., :1].repeat(3, axis=2) for image in waves_and_noise())
    for metric in (psnr, ssim):
        as_rgb = metric(waves, noise, shave=0, channels="rgb")
        assert metric(waves, noise, shave=0, channels="grey") == pytest.approx(as_rgb, abs=1e-12)
    assert psnr(waves, noise, shave=0) == pytest.approx(
        psnr(waves, noise, shave=0, channels="grey") + 20 * math.log10(255 / 219)
    )
