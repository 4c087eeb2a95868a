import argparse

import pytest

from keras_lisr.cli.upscale import parse_memory


@pytest.mark.parametrize(
    ("text", "size"),
    [("2GiB", 2**31), ("2gib", 2**31), ("1.5 G", 1_500_000_000), ("800MB", 800_000_000), ("512Mi", 2**29), ("77", 77)],
)
def test_units(text, size):
    assert parse_memory(text) == size


@pytest.mark.parametrize("text", ["", "much", "-1GiB", "GiB", "2 GiB more", "1e9", "2ib", "9" * 400])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match=f"{text!r}"):
        parse_memory(text)
