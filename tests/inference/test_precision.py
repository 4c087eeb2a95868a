import sys
from types import SimpleNamespace

import keras
import pytest

from keras_lisr.inference import precision
from keras_lisr.inference.precision import fast_bfloat16, processor_has

SAPPHIRE_RAPIDS = (
    "processor\t: 0\nmodel name\t: Intel(R) Xeon(R)\nflags\t\t: fpu avx512_bf16 amx_bf16 amx_tile amx_int8\n"
)
ZEN_4 = "processor\t: 0\nvendor_id\t: AuthenticAMD\nflags\t\t: fpu avx512f avx512_bf16\n"
WITHOUT_ITS_AMX = "processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu avx512f avx512_bf16\n"
ZEN_3 = "processor\t: 0\nmodel name\t: AMD EPYC, no amx_bf16\nflags\t\t: fpu avx2 fma\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd amx_bf16\n"


def test_the_processor_of_this_machine(tmp_path, monkeypatch):
    for text, has_amx, fast in (
        (SAPPHIRE_RAPIDS, True, True),
        (WITHOUT_ITS_AMX, False, False),
        (ZEN_4, False, True),
        (ZEN_3, False, False),
        (ARM, False, False),
    ):
        (tmp_path / "cpuinfo").write_text(text)
        monkeypatch.setattr(precision, "CPUINFO", tmp_path / "cpuinfo")
        assert processor_has("amx_bf16") is has_amx
        assert fast_bfloat16() is fast
        assert not processor_has("amx")
    monkeypatch.setattr(precision, "CPUINFO", tmp_path / "missing")
    assert not processor_has("fpu")
    assert fast_bfloat16() is False


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
    monkeypatch.setattr(precision, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.setitem(sys.modules, "jax", SimpleNamespace(devices=lambda: [SimpleNamespace(platform=platform)]))
    assert fast_bfloat16() is fast
