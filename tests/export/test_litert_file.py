import numpy as np
import pytest
from exported_networks import build

from keras_lisr.basics.export_options import ExportOptions
from keras_lisr.export.calibration import calibration_patches
from keras_lisr.export.litert import convert
from keras_lisr.export.litert_file import check_litert_file, read_litert_file
from keras_lisr.export.litert_graph import litert_graph


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Folder with a network in floats, as it is and so with shapes to compute, and in integers."""
    folder = tmp_path_factory.mktemp("files")
    network = build("fsrcnn-deconvolution")
    (folder / "floats.tflite").write_bytes(convert(network, ExportOptions(folder / "floats.tflite")))
    patches = calibration_patches([np.zeros((16, 16, 3), np.uint8)], (16, 16), count=1)
    options = ExportOptions(folder / "integers.tflite", quantize="int8", representative=patches)
    options.path.write_bytes(convert(litert_graph(network, bounded=True), options, patches))
    return folder


def test_content(files):
    content = read_litert_file(files / "floats.tflite")
    assert content.operators == {
        "CONV_2D": 5, "MUL": 2, "PACK": 1, "PRELU": 5, "SHAPE": 1, "STRIDED_SLICE": 2, "TRANSPOSE_CONV": 1,
    }  # fmt: skip
    assert list(content.operators) == sorted(content.operators)
    assert content.rank == 4
    assert content.floats == ["CONV_2D", "PRELU", "TRANSPOSE_CONV"]  # Sizes are integers.


def test_checks(files):
    check_litert_file(files / "floats.tflite", static=False, integer=False)
    check_litert_file(files / "integers.tflite", static=True, integer=True)  # Converting pictures is no computation.
    with pytest.raises(ValueError, match="SHAPE"):
        check_litert_file(files / "floats.tflite", static=True, integer=False)
    with pytest.raises(ValueError, match="integer"):
        check_litert_file(files / "floats.tflite", static=False, integer=True)
