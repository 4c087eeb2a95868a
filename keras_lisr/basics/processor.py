"""Queries the processor, without any framework."""

import re
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


def processor_has(instructions: str) -> bool:
    """Checks whether the processor has a set of instructions, such as "avx512f". Linux only."""
    flags = re.search(r"^flags\s*:(.*)", read_cpuinfo(), re.MULTILINE)
    return flags is not None and instructions in flags[1].split()


def computes_bfloat16() -> bool:
    """Checks whether the processor is faster in bfloat16 than in float32.

    With AMX it is, about five times. With avx512_bf16 alone, AMD's are since Zen 4, 1.6 to 2 times; the one of Intel's
    that was measured is slower, see docs/decisions/0004-precision.md. Elsewhere bfloat16 is emulated, 27 times slower
    than float32 (measured with TensorFlow 2.21 on Zen 3).
    """
    return processor_has("amx_bf16") or (processor_has("avx512_bf16") and "AuthenticAMD" in read_cpuinfo())


def read_cpuinfo() -> str:
    """Returns Linux' description of the processors, or an empty string on other systems."""
    return CPUINFO.read_text() if CPUINFO.exists() else ""
