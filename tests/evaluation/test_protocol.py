import dataclasses

import pytest

from keras_lisr.evaluation.protocol import EvaluationProtocol


@pytest.mark.parametrize(
    ("protocol", "text"),
    [
        (EvaluationProtocol(), "8-bit RGB and its float luma (BT.601), shave = scale, peak 255;"),
        (EvaluationProtocol(shave=0), "8-bit RGB and its float luma (BT.601), shave 0, peak 255;"),
        (
            EvaluationProtocol(rounded_luma=True),
            "8-bit RGB and its rounded luma (BT.601, grey files as they are), shave = scale, peak 255;",
        ),
    ],
)
def test_says_everything_in_one_line(protocol, text):
    assert str(protocol) == f"{text} SSIM: 11-tap Gaussian, sigma 1.5, valid region"


def test_is_a_value():
    assert EvaluationProtocol(shave=4) == dataclasses.replace(EvaluationProtocol(), shave=4)
    with pytest.raises(dataclasses.FrozenInstanceError):
        EvaluationProtocol().shave = 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shave": -1}, "`shave` must be an integer of at least 0. Received: shave=-1"),
        ({"shave": 1.5}, "Received: shave=1.5"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        EvaluationProtocol(**options)
