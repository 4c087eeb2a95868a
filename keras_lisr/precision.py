"""Where bfloat16 pays."""

from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


def fast_bfloat16() -> bool:
    """Whether this machine's processor computes bfloat16 faster than float32: about five times with AMX.

    Without AMX it is emulated, 25 times slower than float32 (measured with TensorFlow 2.21 on Zen 3).
    """
    return CPUINFO.exists() and has_amx_bfloat16(CPUINFO.read_text())


def has_amx_bfloat16(cpuinfo: str) -> bool:
    r"""Whether the text of Linux's `/proc/cpuinfo` names the instructions that multiply bfloat16 tiles.

    Example:

    >>> has_amx_bfloat16("flags\t\t: fpu avx512f amx_bf16 amx_tile")
    True
    >>> has_amx_bfloat16("flags\t\t: fpu avx512f avx512_bf16")
    False
    """
    flags = next((line for line in cpuinfo.splitlines() if line.startswith("flags")), "")
    return "amx_bf16" in flags.split()
