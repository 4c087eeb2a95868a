import csv
import dataclasses
import io
import json
import math

import pytest

from keras_lisr.evaluation.evaluate import EvaluationResult, Measures
from keras_lisr.evaluation.protocol import EvaluationProtocol
from keras_lisr.evaluation.report import Entry, as_csv, as_json, markdown


@pytest.fixture
def entries():
    def result(scale, psnr, skipped):
        images = {"baby": Measures(psnr, 0.85, 30.0, 0.8, 0.5), "bird": Measures(psnr + 2, 0.75, 31.0, 0.7, 1.5)}
        return EvaluationResult("Set5", scale, "imresize", EvaluationProtocol(shave=scale), images, skipped)

    broken = {"text.png": "no picture"}
    return [
        Entry("bicubic", None, None, None, result(4, 28.0, broken)),
        Entry("imdn_x4", "float32, whole pictures", 722_664, 41_300_000_000, result(4, 31.0, broken)),
        Entry("bicubic", None, None, None, result(2, math.inf, {})),
    ]


def test_every_set_and_scale_has_its_protocol_its_means_and_its_images(entries):
    first, second = markdown(entries).split("## ")[1:]
    assert first.splitlines() == [
        "Set5 ×4",
        "",
        "2 images, low resolution: imresize. 8-bit RGB and its float luma (BT.601), shave 4, peak 255; SSIM: 11-tap "
        "Gaussian, sigma 1.5, valid region.",
        "imdn_x4: float32, whole pictures.",
        "Seconds an image, and multiply-accumulates for 1280x720 pixels.",
        "",
        "| mean | parameters | multiply-accumulates | PSNR | SSIM | RGB PSNR | RGB SSIM | seconds |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| bicubic | | | 29.00 | 0.8000 | 30.50 | 0.7500 | 1.000 |",
        "| imdn_x4 | 722,664 | 41.3 G | 32.00 | 0.8000 | 30.50 | 0.7500 | 1.000 |",
        "",
        "| image | upscaler | PSNR | SSIM | RGB PSNR | RGB SSIM | seconds |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
        "| baby | bicubic | 28.00 | 0.8500 | 30.00 | 0.8000 | 0.500 |",
        "| baby | imdn_x4 | 31.00 | 0.8500 | 30.00 | 0.8000 | 0.500 |",
        "| bird | bicubic | 30.00 | 0.7500 | 31.00 | 0.7000 | 1.500 |",
        "| bird | imdn_x4 | 33.00 | 0.7500 | 31.00 | 0.7000 | 1.500 |",
        "",
        "Skipped by bicubic: text.png (no picture)",
        "",
        "Skipped by imdn_x4: text.png (no picture)",
        "",
    ]
    assert second.startswith("Set5 ×2") and "shave 2" in second and "| inf |" in second


def test_an_image_that_one_of_them_skips_stands_with_the_others(entries):
    bicubic, network = entries[:2]
    images = {"bird": network.result.images["bird"]}
    result = dataclasses.replace(network.result, images=images, skipped={"baby": "too small"})
    text = markdown([bicubic, dataclasses.replace(network, result=result)])
    assert "| baby | bicubic |" in text and "| baby | imdn_x4 |" not in text and "| bird | imdn_x4 |" in text
    assert "Skipped by imdn_x4: baby (too small)" in text


def test_json_has_all_numbers_and_is_json(entries):
    stored = json.loads(as_json(entries), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert [entry["model"] for entry in stored] == ["bicubic", "imdn_x4", "bicubic"]
    assert stored[1]["parameters"] == 722_664 and stored[1]["mean"]["psnr"] == 32.0
    assert stored[1]["protocol"].startswith("8-bit RGB and its float luma (BT.601), shave 4")
    assert stored[1]["result"]["protocol"] == {"shave": 4, "rounded_luma": False}
    assert stored[1]["result"]["images"]["bird"]["rgb_ssim"] == 0.7
    assert stored[1]["result"]["skipped"] == {"text.png": "no picture"}
    assert stored[2]["mean"]["psnr"] is None


def test_csv_has_a_row_for_each_image(entries):
    rows = list(csv.DictReader(io.StringIO(as_csv(entries))))
    assert len(rows) == 6
    assert rows[3]["model"] == "imdn_x4" and rows[3]["image"] == "bird" and float(rows[3]["psnr"]) == 33.0
    assert rows[0]["parameters"] == "" and rows[0]["low_resolution"] == "imresize"
