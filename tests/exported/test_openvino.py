import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from keras_lisr.basics.preset_index import find_preset
from keras_lisr.exported import ExportedUpscaler
from keras_lisr.exported.openvino import import_openvino, rename_slices
from keras_lisr.exported.sidecar import checksum, read_sidecar, sidecar_path, write_sidecar

pytestmark = pytest.mark.skipif(find_spec("openvino") is None, reason="needs keras_lisr[openvino]")
FILE = find_preset().exported()


def run(content, pixels):
    interpreter = Interpreter(model_content=content)
    runner = interpreter.get_signature_runner("serving_default")
    operators = [operator["op_name"] for operator in interpreter._get_ops_details()]
    return runner(low_resolution=pixels)["super_resolved"], operators


def test_slices_of_the_channels_are_named_otherwise():
    pixels = np.random.default_rng(0).random((1, 9, 12, 3), np.float32)
    (expected, before), (found, after) = run(FILE.read_bytes(), pixels), run(rename_slices(FILE.read_bytes()), pixels)
    assert (before.count("STRIDED_SLICE"), after.count("STRIDED_SLICE"), after.count("SLICE")) == (36, 0, 36)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_computes_what_litert_does():
    picture = np.random.default_rng(0).integers(256, size=(12, 16, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
    expected = ExportedUpscaler(FILE)(picture)
    for precision, mean in (("float32", 1e-3), ("bfloat16", 1)):
        upscaler = ExportedUpscaler(FILE, engine="openvino", precision=precision, threads=1)
        assert (upscaler.engine, upscaler.precision) == ("openvino", precision)
        assert np.abs(upscaler(picture).astype(int) - expected).mean() < mean


def test_16_bits_are_not_computed_in_bfloat16():
    picture = np.random.default_rng(0).integers(2**16, size=(12, 16, 3), dtype=np.uint16).repeat(4, 0).repeat(4, 1)
    expected = ExportedUpscaler(FILE)(picture)
    found = ExportedUpscaler(FILE, engine="openvino", precision="bfloat16")(picture)
    assert np.abs(found.astype(int) - expected).max() <= 2


def test_what_openvino_does_not_run_is_refused(litert_file):
    for name in ("uint8", "int8"):
        with pytest.raises(ValueError, match="`engine`"):
            ExportedUpscaler(litert_file(name), engine="openvino")
    with pytest.raises(ValueError, match="`precision`"):
        ExportedUpscaler(litert_file("any"), precision="bfloat16")
    with pytest.raises(ValueError, match="`engine`"):
        ExportedUpscaler(litert_file("any"), engine="onnxruntime")


def test_weights_lie_beside_a_link_as_in_the_hubs_cache(litert_file, tmp_path):
    openvino = import_openvino()
    (tmp_path / "links").mkdir()
    file = tmp_path / "links" / "a.xml"
    openvino.save_model(openvino.convert_model(litert_file("any")), file)
    sidecar = replace(read_sidecar(litert_file("any")), format="openvino", sha256=checksum(file))
    write_sidecar(sidecar, file)
    for i, each in enumerate((tmp_path / "links").iterdir()):
        each.rename(tmp_path / str(i))
        each.symlink_to(tmp_path / str(i))
    picture = np.random.default_rng(0).integers(256, size=(12, 16, 3), dtype=np.uint8)
    found = ExportedUpscaler(file)(picture).astype(int)
    assert np.abs(found - ExportedUpscaler(litert_file("any"))(picture)).max() <= 1


def test_threads_take_turns_and_the_file_is_not_needed_later(tmp_path):
    for file in (FILE, sidecar_path(FILE)):
        shutil.copy(file, tmp_path)
    upscaler = ExportedUpscaler(tmp_path / FILE.name, engine="openvino", precision="bfloat16")
    shutil.rmtree(tmp_path)
    pictures = [np.random.default_rng(i).integers(256, size=(24, 24 + i, 3), dtype=np.uint8) for i in range(4)]
    expected = list(map(upscaler, pictures))
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: list(map(upscaler, pictures)), range(8)):
            for super_resolved, wanted in zip(found, expected, strict=True):
                np.testing.assert_array_equal(super_resolved, wanted)
    assert upscaler(pictures[0].astype(np.uint16)).dtype == np.uint16
