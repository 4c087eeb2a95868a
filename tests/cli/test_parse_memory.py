import argparse

import pytest

from keras_lisr.cli.upscale import parse_memory


@pytest.mark.parametrize("text", ["", "much", "-1GiB", "GiB", "2 GiB more", "1e9", "2ib", "9" * 400])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match=f"{text!r}"):
        parse_memory(text)
