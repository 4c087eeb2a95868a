"""Checks for fast bfloat16."""

import keras

from keras_lisr.basics.processor import computes_bfloat16

AMPERE = (8, 0)  # The first NVIDIA GPUs whose tensor cores multiply bfloat16.


def fast_bfloat16() -> bool:
    """Checks whether the device of Keras's backend is faster in bfloat16 than in float32.

    GPUs are since NVIDIA's Ampere, TPUs all; processors as `computes_bfloat16` says, except with JAX, which does not
    use their instructions. The answer depends on the machine alone, so that all processes of a run compute alike.
    """
    capability = gpu_capability()
    if capability is not None:
        return capability >= AMPERE
    return keras.backend.backend() != "jax" and computes_bfloat16()


def gpu_capability() -> tuple[int, ...] | None:
    """Returns the compute capability of the first GPU of Keras's backend, None without one; `AMPERE` for a TPU."""
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
