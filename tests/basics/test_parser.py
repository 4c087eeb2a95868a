import pytest

from keras_lisr.basics.parser import Parser


def test_what_is_wrong_is_raised_with_where_to_look():
    with pytest.raises(ValueError, match="--fast.*`tool --help`"):
        Parser(prog="tool").parse_args(["--fast"])
