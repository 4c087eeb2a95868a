"""Files of PyTorch as NumPy arrays."""

import pickletools
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

WRAPPERS = ("module.", "model.")  # Of `torch.nn.DataParallel`, and of EDSR-PyTorch and Lightning.
CONTAINERS = ("params_ema", "params", "state_dict")  # Of BasicSR and Lightning; averaged weights come first.
NAMING = ("GLOBAL", "STACK_GLOBAL", "INST")


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
    stored = load_without_code(file)
    if isinstance(stored, dict):
        stored = next((stored[name] for name in CONTAINERS if isinstance(stored.get(name), dict)), stored)
    wrong = kind(stored)
    if isinstance(stored, dict):
        wrong = next((f"{kind(item[1])} as {item[0]!r}" for item in stored.items() if not is_named_tensor(*item)), "")
    if wrong:
        raise ValueError(
            "`file` must hold a state dict: names and tensors of floating-point numbers. "
            f"Received: file={str(file)!r} with {wrong}"
        )
    wrapper = next((prefix for prefix in WRAPPERS if all(name.startswith(prefix) for name in stored)), "")
    return {name.removeprefix(wrapper): to_numpy(tensor) for name, tensor in stored.items()}


def load_without_code(file: str | Path) -> Any:
    """What a file of PyTorch holds.

    Raises:
        ValueError: If that needs code to run, the file is another, or PyTorch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise ValueError(
            "PyTorch must be installed to read its files: pip install 'keras_lisr[torch]'. "
            f"Received: file={str(file)!r}"
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Of what PyTorch then fails at, which is said below.
            return torch.load(file, weights_only=True, map_location="cpu")
    except Exception as error:  # Half a dozen types, most of them with a page of advice on how to run the code.
        refused = re.search(r"GLOBAL (\S+)", str(error))
        if refused is not None or names_objects(file):
            which = f", which would run {refused[1]!r}" if refused else ""
            raise ValueError(
                "`file` must hold tensors alone, not objects that are made by running code. "
                f"Received: file={str(file)!r}{which}"
            ) from error
        raise ValueError(
            f"`file` must be a whole file that PyTorch can read without running code. Received: file={str(file)!r}"
        ) from error


def names_objects(file: str | Path) -> bool:
    """Whether a file is a pickle that names objects, of a protocol that PyTorch does not read; nothing is run."""
    try:
        with Path(file).open("rb") as stream:
            return any(operation.name in NAMING for operation, *_ in pickletools.genops(stream))
    except Exception:  # It is no pickle, or a broken one.
        return False


def is_named_tensor(name: Any, tensor: Any) -> bool:
    """Whether these are an item of a state dict."""
    import torch

    return (
        isinstance(name, str)
        and isinstance(tensor, torch.Tensor)
        and tensor.layout == torch.strided
        and tensor.is_floating_point()
        and not tensor.is_meta
    )


def kind(value: Any) -> str:
    """What something is that is no tensor of floating-point numbers."""
    what = type(value).__name__
    return f"a {what} of {value.dtype}" if hasattr(value, "dtype") else f"a {what}"


def to_numpy(tensor: Any) -> np.ndarray:
    """A tensor in float32, whatever it was stored in."""
    return tensor.detach().float().numpy()
