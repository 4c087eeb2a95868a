"""Reads PyTorch checkpoints as NumPy arrays."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_lisr.basics.extras import import_extra

# Globals in pickles of NumPy numbers, such as the best PSNR so far.
NUMBERS = [np.float64().__reduce__()[0], np.dtype, *(type(np.dtype(code)) for code in "?bBhHiIlLqQefd")]
LISTED = 4  # Names of unused entries.


def read_file(file: str | Path) -> Any:
    """Reads a file of `torch.save`, old or new, without running code in it.

    Raises:
        ValueError: If there is no such file, it holds more than names, tensors and plain numbers, or PyTorch is not
            installed.
    """
    if not Path(file).is_file():
        raise ValueError(f"`file` must be an existing file. Received: file={str(file)!r}")
    torch = import_extra("torch", "torch")
    try:
        with torch.serialization.safe_globals(NUMBERS):
            return torch.load(file, weights_only=True, map_location="cpu")
    except Exception as error:  # Half a dozen types, most of them with a page of advice on how to run the code.
        raise ValueError(
            "`file` must be a whole file that PyTorch reads without running code: names, tensors and plain numbers. "
            f"Received: file={str(file)!r}"
        ) from error


def find_state_dict(stored: Any, known: str) -> tuple[dict[str, np.ndarray], str]:
    """Finds a network's state dict in the containers of training frameworks.

    They keep it in dictionaries, beside a step and the optimizer's state (`params_ema`, `state_dict`), and under
    prefixes (`module.`, `model.`). Whatever these are called, the network is where the tensor `known` is. Of several
    networks, the one with averaged weights is taken, which has "ema" in its prefix.

    Returns:
        The tensors in float32, by the network's own names; and what was unwrapped and not used, in a few words.

    Raises:
        ValueError: If there is no such network, or more than one.
    """
    torch = import_extra("torch", "torch")
    entries = dict(flatten(stored))
    prefixes = [name.removesuffix(known) for name in entries if name == known or name.endswith(f".{known}")]
    averaged = [prefix for prefix in prefixes if "ema" in prefix.lower()]
    found = averaged if len(averaged) == 1 else prefixes
    if len(found) != 1:
        several = f"with more than one network: {', '.join(f'{prefix}*' for prefix in found)}"
        raise ValueError(several if found else f"without {known!r}")
    (prefix,) = found
    used = {
        name: value
        for name, value in entries.items()
        # Counters are integers, or scalars.
        if name.startswith(prefix) and torch.is_tensor(value) and value.is_floating_point() and value.ndim
    }
    unused = [name for name in entries if name not in used]
    said = [f"{prefix}*"] if prefix else []
    if unused:
        more = [f"{len(unused) - LISTED} more"] if len(unused) > LISTED else []
        said.append(f"not used: {', '.join(unused[:LISTED] + more)}")
    return {name.removeprefix(prefix): value.detach().float().numpy() for name, value in used.items()}, "; ".join(said)


def flatten(stored: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields the entries of nested dictionaries by their full names; dictionaries of other keys are entries."""
    for name, value in stored.items() if isinstance(stored, Mapping) else ():
        if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
