from command_line import run

from keras_lisr.basics.preset_index import DEFAULT_PRESET


def test_models_are_listed(picture, capsys):
    assert run("models") == 0
    heading, first, default, _, note = capsys.readouterr().out.splitlines()
    columns = ["preset", "scale", "parameters", "multiply-accumulates", "Set5 (dB)", "Set14 (dB)", "for"]
    assert heading.split() == " ".join(columns).split()
    assert first.split()[:2] + first.split()[3:] == ["tiny_x2", "x2", "1.2", "G", "-", "-"]
    assert default.split()[3:] == ["4.0", "G", "31.23", "28.00"]
    assert note.endswith(f"Default: {DEFAULT_PRESET}.")
