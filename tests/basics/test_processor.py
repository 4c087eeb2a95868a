from keras_lisr.basics import processor
from keras_lisr.basics.processor import computes_bfloat16, processor_has

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
        monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
        assert processor_has("amx_bf16") is has_amx
        assert computes_bfloat16() is fast
        assert not processor_has("amx")
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "missing")
    assert not processor_has("fpu")
    assert computes_bfloat16() is False
