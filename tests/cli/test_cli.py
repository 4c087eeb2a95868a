import subprocess
import sys

import pytest

import keras_lisr
from keras_lisr.cli import main


def test_version(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"keras-lisr {keras_lisr.__version__}\n"


def test_what_needs_no_network_does_not_start_keras(picture):
    program = (
        "import sys; from keras_lisr.cli import main; main(['models']); "
        "assert main(['upscale', 'missing.png', '-n', sys.argv[1]]) == 2; assert 'keras' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program, __file__], check=True, capture_output=True)
