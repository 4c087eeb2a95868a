import os
import sys

import numpy as np
import pytest
import torch

from keras_lisr.interop.pytorch import find_state_dict, read_file


class Code:
    """An object whose pickle calls a function when it is loaded."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.system, (f"touch {self.trace}",)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "a.pth"


@pytest.mark.parametrize("modern", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_reads_both_formats_of_files(file, modern, dtype):
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    tensors = {"b.weight": torch.tensor(values, dtype=dtype), "a": torch.nn.Parameter(torch.ones(1))}
    torch.save(tensors, file, _use_new_zipfile_serialization=modern)
    found, said = find_state_dict(read_file(str(file)), "a")
    assert list(found) == ["b.weight", "a"] and not said
    np.testing.assert_array_equal(found["b.weight"], values)
    assert {array.dtype for array in found.values()} == {np.dtype(np.float32)}


OTHER, NETWORK = {"a.weight": torch.zeros(1), "b": torch.zeros(2)}, {"a.weight": torch.ones(1), "b": torch.ones(2)}


def prefixed(prefix, tensors=NETWORK):
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (NETWORK, ""),
        ({"params": NETWORK}, "params.*"),
        ({"params": OTHER, "params_ema": NETWORK}, "params_ema.*; not used: params.a.weight, params.b"),
        ({"epoch": 3, "optimizer": {"state": {0: {"step": 1}}}, "state_dict": prefixed("module.")},
         "state_dict.module.*; not used: epoch, optimizer.state"),
        ({"state_dict": NETWORK, "best_psnr": np.float64(32.1), "epoch": np.int64(3)},
         "state_dict.*; not used: best_psnr, epoch"),
        ({"checkpoint": {"model": NETWORK}}, "checkpoint.model.*"),
        (prefixed("_orig_mod.module."), "_orig_mod.module.*"),
        (NETWORK | {"step": torch.tensor(3), "seconds": torch.tensor(3.5), "lr": 0.1}, "not used: step, seconds, lr"),
        (prefixed("model.") | {f"loss.vgg.{i}": torch.ones(2) for i in range(6)},
         "model.*; not used: loss.vgg.0, loss.vgg.1, loss.vgg.2, loss.vgg.3, 2 more"),
        (prefixed("net_g_ema.") | prefixed("net_g.", OTHER), "net_g_ema.*; not used: net_g.a.weight, net_g.b"),
    ],
)  # fmt: skip
def test_what_wraps_a_network_is_taken_off_and_told(file, stored, said):
    torch.save(stored, file)
    tensors, found = find_state_dict(read_file(file), "a.weight")
    assert found == said
    assert tensors == {"a.weight": np.ones(1), "b": pytest.approx(np.ones(2))}


@pytest.mark.parametrize("modern", [True, False])
def test_code_is_not_run(file, modern, tmp_path):
    trace = tmp_path / "trace"
    torch.save({"a": torch.zeros(1), "b": Code(trace)}, file, _use_new_zipfile_serialization=modern)
    with pytest.raises(ValueError, match="`file` must be a whole file") as error:
        read_file(file)
    assert len(str(error.value).splitlines()) == 1
    assert not trace.exists()


@pytest.mark.parametrize("content", [b"", b"text" * 20, b"\x89PNG\r\n\x1a\n", "half", "missing"])
def test_other_files_are_refused(file, content):
    if content != "missing":
        torch.save({"a": torch.zeros(1000)}, file)
        file.write_bytes(file.read_bytes()[:-2000] if content == "half" else content)
    with pytest.raises(ValueError, match="`file`"):
        read_file(file)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.zeros(1)], "without 'a'"),
        ({"generator": {"a": torch.zeros(1)}, "teacher": {"a": torch.zeros(1)}}, r"generator.\*, teacher.\*"),
    ],
)
def test_there_must_be_one_network(content, message):
    with pytest.raises(ValueError, match=message):
        find_state_dict(content, "a")


def test_names_the_extra_where_pytorch_is_missing(file, monkeypatch):
    file.write_bytes(b"")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ValueError, match=r"pip install 'keras_lisr\[torch\]'"):
        read_file(file)
