import pytest

from keras_lisr.basics.parser import IntermixedParser, Parser


def test_what_is_wrong_is_raised_with_where_to_look():
    with pytest.raises(ValueError, match=r"unrecognized arguments: --fast \(see `tool --help`\)"):
        Parser(prog="tool").parse_args(["--fast"])


def test_options_may_stand_between_positional_arguments():
    parser = Parser(prog="tool")
    command = parser.add_subparsers(parser_class=IntermixedParser).add_parser("draw")
    command.add_argument("models", nargs="+")
    command.add_argument("image")
    command.add_argument("--reference")
    for line in ("a b --reference r i", "--reference r a b i", "a b i --reference r"):
        parsed = parser.parse_args(["draw", *line.split()])
        assert (parsed.models, parsed.image, parsed.reference) == (["a", "b"], "i", "r")
    with pytest.raises(ValueError, match="unrecognized arguments: --fast"):
        parser.parse_args(["draw", "a", "b", "--fast"])
