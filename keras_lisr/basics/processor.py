"""What the processor can do, asked without any framework."""

import re
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


def processor_has(instructions: str) -> bool:
    """Whether Linux names a set of instructions, as "avx512f", among those of the processor."""
    flags = re.search(r"^flags\s*:(.*)", read_cpuinfo(), re.MULTILINE)
    return flags is not None and instructions in flags[1].split()


def computes_bfloat16() -> bool:
    """Whether the processor is faster in bfloat16 than in float32.

    It is about five times with AMX. With avx512_bf16 alone AMD's are, 1.6 to 2 times since Zen 4, and the one of
    Intel's that was measured is slower, see docs/decisions/0004-precision.md. Elsewhere bfloat16 is emulated, 27 times
    slower than float32 (measured with TensorFlow 2.21 on Zen 3).
    """
    return processor_has("amx_bf16") or (processor_has("avx512_bf16") and "AuthenticAMD" in read_cpuinfo())


def read_cpuinfo() -> str:
    """Returns what Linux tells of the processors, nothing on other systems."""
    return CPUINFO.read_text() if CPUINFO.exists() else ""
