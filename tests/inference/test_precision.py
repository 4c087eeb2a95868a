import sys
from types import SimpleNamespace

import keras
import pytest

from keras_lisr.basics import processor
from keras_lisr.inference.precision import fast_bfloat16

SAPPHIRE_RAPIDS = "flags\t\t: fpu avx512_bf16 amx_bf16 amx_tile amx_int8\n"


def tensorflow(capability):
    experimental = SimpleNamespace(get_device_details=lambda device: {"compute_capability": capability})
    return SimpleNamespace(
        config=SimpleNamespace(
            list_physical_devices=lambda kind: ["GPU:0"] if kind == "GPU" else [], experimental=experimental
        )
    )


def jax(capability):
    return SimpleNamespace(
        devices=lambda: [SimpleNamespace(platform="gpu", compute_capability=".".join(map(str, capability)))]
    )


def torch(capability):
    return SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: True, get_device_capability=lambda: capability))


@pytest.mark.parametrize(("capability", "fast"), [((7, 5), False), ((8, 0), True), ((10, 0), True)])
@pytest.mark.parametrize("backend", [tensorflow, jax, torch])
def test_gpus_are_asked_for_their_generation(monkeypatch, backend, capability, fast):
    monkeypatch.setattr(keras.backend, "backend", lambda: backend.__name__)
    monkeypatch.setitem(sys.modules, backend.__name__, backend(capability))
    assert fast_bfloat16() is fast


@pytest.mark.parametrize(("platform", "fast"), [("tpu", True), ("cpu", False)])
def test_jax_is_fast_on_tpus_and_does_not_use_amx(monkeypatch, tmp_path, platform, fast):
    (tmp_path / "cpuinfo").write_text(SAPPHIRE_RAPIDS)
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.setitem(sys.modules, "jax", SimpleNamespace(devices=lambda: [SimpleNamespace(platform=platform)]))
    assert fast_bfloat16() is fast
