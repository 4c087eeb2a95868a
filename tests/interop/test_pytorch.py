import os
import sys

import numpy as np
import pytest
import torch

from keras_lisr.interop.pytorch import read_state_dict


class Code:
    """What a pickle may make of itself: a call of anything."""

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
    read = read_state_dict(str(file))
    assert list(read) == ["b.weight", "a"]
    np.testing.assert_array_equal(read["b.weight"], values)
    assert {array.dtype for array in read.values()} == {np.dtype(np.float32)}


def test_the_name_of_a_wrapper_is_taken_off(file):
    torch.save(torch.nn.DataParallel(torch.nn.Linear(2, 3)).state_dict(), file)
    assert list(read_state_dict(file)) == ["weight", "bias"]
    torch.save({"model.weight": torch.zeros(1), "model.bias": torch.zeros(1)}, file)
    assert list(read_state_dict(file)) == ["weight", "bias"]


@pytest.mark.parametrize("container", ["params", "params_ema", "state_dict"])
def test_what_training_keeps_beside_the_tensors_is_left_out(file, container):
    torch.save({"epoch": 3, "optimizer": {"lr": 0.1}, container: {"module.a": torch.ones(1)}}, file)
    assert list(read_state_dict(file)) == ["a"]


def test_averaged_weights_come_first(file):
    torch.save({"params": {"a": torch.zeros(1)}, "params_ema": {"a": torch.ones(1)}}, file)
    assert read_state_dict(file) == {"a": np.ones(1)}


@pytest.mark.parametrize("modern", [True, False])
def test_code_is_not_run(file, modern, tmp_path):
    trace = tmp_path / "trace"
    torch.save({"a": torch.zeros(1), "b": Code(trace)}, file, _use_new_zipfile_serialization=modern)
    with pytest.raises(ValueError, match="`file`") as error:
        read_state_dict(file)
    assert len(str(error.value).splitlines()) == 1
    assert not trace.exists()


@pytest.mark.parametrize("content", [b"", b"text" * 20, b"\x89PNG\r\n\x1a\n", "half", "missing"])
def test_other_files_are_refused(file, content):
    if content != "missing":
        torch.save({"a": torch.zeros(1000)}, file)
        file.write_bytes(file.read_bytes()[:-2000] if content == "half" else content)
    with pytest.raises(ValueError, match="`file`"):
        read_state_dict(file)


@pytest.mark.parametrize(
    "content",
    [
        [torch.zeros(1)],
        {"a": 1},
        {"a": torch.zeros(1), "steps": torch.zeros(1, dtype=torch.int64)},
        {"a": torch.zeros(1, dtype=torch.complex64)},
        {"state_dict": {"params": {"a": torch.zeros(1)}}},
    ],
)
def test_other_contents_are_refused(file, content):
    torch.save(content, file)
    with pytest.raises(ValueError, match="`file`"):
        read_state_dict(file)


def test_names_the_extra_where_pytorch_is_missing(file, monkeypatch):
    file.write_bytes(b"")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ValueError, match=r"keras_lisr\[torch\]"):
        read_state_dict(file)
