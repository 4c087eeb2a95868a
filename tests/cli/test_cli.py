import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

import keras_lisr
from keras_lisr.cli import main


def test_version(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"keras-lisr {keras_lisr.__version__}\n"


def test_another_thread_may_run_it(capsys):
    with ThreadPoolExecutor() as threads:  # Only the main thread may set handlers of signals.
        assert threads.submit(main, ["models"]).result() == 0
    assert "imdn_x4" in capsys.readouterr().out


def test_what_needs_no_network_does_not_start_keras(picture):
    program = (
        "import sys; from keras_lisr.cli import main; main(['models']); "
        "assert main(['upscale', 'missing.png', '-n', sys.argv[1]]) == 2; "
        "assert 'keras' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program, __file__], check=True, capture_output=True)


def test_what_is_not_installed_is_named(picture, tmp_path):
    program = "import sys; sys.modules['keras'] = None; from keras_lisr.cli import main; sys.exit(main(sys.argv[1:]))"
    command = ["upscale", str(picture), "--engine", "tensorflow", "-o", str(tmp_path / "out.png")]
    result = subprocess.run([sys.executable, "-c", program, *command], capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr.startswith("keras-lisr: error: keras must be installed for this. Received: ")
    assert result.stderr.count("\n") == 1
