from keras_lisr import precision
from keras_lisr.precision import fast_bfloat16, has_amx_bfloat16

SAPPHIRE_RAPIDS = (
    "processor\t: 0\nmodel name\t: Intel(R) Xeon(R)\nflags\t\t: fpu avx512_bf16 amx_bf16 amx_tile amx_int8\n"
)
ZEN_3 = "processor\t: 0\nmodel name\t: AMD EPYC, no amx_bf16\nflags\t\t: fpu avx2 fma\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd bf16\n"


def test_amx_is_read_from_the_flags():
    assert has_amx_bfloat16(SAPPHIRE_RAPIDS)
    assert not has_amx_bfloat16(ZEN_3)
    assert not has_amx_bfloat16(ARM)
    assert not has_amx_bfloat16("flags\t\t: amx_bf16x\n")


def test_the_processor_of_this_machine(tmp_path, monkeypatch):
    for text, fast in ((SAPPHIRE_RAPIDS, True), (ZEN_3, False)):
        (tmp_path / "cpuinfo").write_text(text)
        monkeypatch.setattr(precision, "CPUINFO", tmp_path / "cpuinfo")
        assert fast_bfloat16() is fast
    monkeypatch.setattr(precision, "CPUINFO", tmp_path / "missing")
    assert fast_bfloat16() is False
