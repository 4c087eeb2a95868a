"""Files of PyTorch as NumPy arrays."""

from pathlib import Path

import numpy as np

WRAPPERS = ("module.", "model.")  # Of `torch.nn.DataParallel`, and of EDSR-PyTorch and Lightning.
CONTAINERS = ("params_ema", "params", "state_dict")  # Of BasicSR and Lightning; averaged weights come first.


def read_state_dict(file: str | Path) -> dict[str, np.ndarray]:
    """Reads a file that `torch.save` wrote of a module's state dict, of any age, and runs no code that it may hold.

    Args:
        file: The file, by whatever suffix. The tensors of a network on a GPU, of one that was wrapped in
            `torch.nn.DataParallel`, and those that a training framework keeps under `params_ema`, `params` or
            `state_dict`, are read as those of the network itself on the processor.

    Returns:
        The tensors in float32, by their names, in the order of the file.

    Raises:
        ValueError: If there is no such file, it holds anything but names and tensors, or PyTorch is not installed.
    """
    if not Path(file).is_file():
        raise ValueError(f"`file` must be an existing file. Received: file={str(file)!r}")
    try:
        import torch
    except ImportError as error:
        raise ValueError(
            "PyTorch must be installed to read its files: pip install 'keras_lisr[torch]'. "
            f"Received: file={str(file)!r}"
        ) from error
    try:
        stored = torch.load(file, weights_only=True, map_location="cpu")
    except Exception as error:  # Half a dozen types, most of them with a page of advice on how to run the code.
        raise ValueError(
            "`file` must be a whole file of tensors alone, which PyTorch reads without running code. "
            f"Received: file={str(file)!r}"
        ) from error
    if isinstance(stored, dict):
        stored = next((stored[name] for name in CONTAINERS if isinstance(stored.get(name), dict)), stored)
    tensors = stored.values() if isinstance(stored, dict) else [None]
    if not all(isinstance(tensor, torch.Tensor) and tensor.is_floating_point() for tensor in tensors):
        raise ValueError(
            f"`file` must hold a state dict: names and tensors of floating-point numbers. Received: file={str(file)!r}"
        )
    wrapper = next((prefix for prefix in WRAPPERS if all(name.startswith(prefix) for name in stored)), "")
    return {name.removeprefix(wrapper): tensor.detach().float().numpy() for name, tensor in stored.items()}
