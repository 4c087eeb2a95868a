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


@pytest.mark.parametrize("shave", [-1, 1.5])
def test_refuses(shave):
    with pytest.raises(ValueError, match="`shave`"):
        EvaluationProtocol(shave=shave)
