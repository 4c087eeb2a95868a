"""Where bfloat16 pays."""

import re
from pathlib import Path

import keras

CPUINFO = Path("/proc/cpuinfo")
AMPERE = (8, 0)  # The first NVIDIA GPUs whose tensor cores multiply bfloat16.


def fast_bfloat16() -> bool:
    """Whether the device that Keras's backend computes on is faster in bfloat16 than in float32.

    GPUs are since NVIDIA's Ampere, TPUs all. Processors are about five times with AMX, which TensorFlow and PyTorch use
    and JAX does not. With avx512_bf16 alone AMD's are, 1.6 to 2 times since Zen 4, and the one of Intel's that was
    measured is slower, see docs/decisions/0004-precision.md. Elsewhere bfloat16 is emulated, 27 times slower than
    float32 (measured with TensorFlow 2.21 on Zen 3).

    The answer depends on the machine alone, so that all processes of a run compute alike.
    """
    capability = gpu_capability()
    if capability is not None:
        return capability >= AMPERE
    if keras.backend.backend() == "jax":
        return False
    return processor_has("amx_bf16") or (processor_has("avx512_bf16") and "AuthenticAMD" in read_cpuinfo())


def gpu_capability() -> tuple[int, ...] | None:
    """Compute capability of the first GPU of Keras's backend, None if it has none; that of a TPU counts as `AMPERE`."""
    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            for device in tf.config.list_physical_devices("GPU"):
                return tf.config.experimental.get_device_details(device).get("compute_capability", (0, 0))
        case "torch":
            import torch

            if torch.cuda.is_available():
                return torch.cuda.get_device_capability()
        case "jax":
            import jax

            device = jax.devices()[0]
            if device.platform == "tpu":
                return AMPERE
            if device.platform != "cpu":
                return tuple(map(int, getattr(device, "compute_capability", "0.0").split(".")))
    return None


def processor_has(instructions: str) -> bool:
    """Whether Linux names a set of instructions, as "avx512f", among those of the processor."""
    flags = re.search(r"^flags\s*:(.*)", read_cpuinfo(), re.MULTILINE)
    return flags is not None and instructions in flags[1].split()


def read_cpuinfo() -> str:
    """What Linux tells of the processors, nothing on other systems."""
    return CPUINFO.read_text() if CPUINFO.exists() else ""
