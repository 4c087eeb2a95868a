"""Files of PyTorch as NumPy arrays."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_lisr.basics.extras import import_extra

# What pickles of NumPy's numbers, such as the best PSNR so far, call.
NUMBERS = [np.float64().__reduce__()[0], np.dtype, *(type(np.dtype(code)) for code in "?bBhHiIlLqQefd")]
LISTED = 4  # Names of what is not used.


class StateDict(NamedTuple):
    """The tensors of a network, and what else was found in their file.

    Args:
        tensors: In float32, by the network's own names, in the order of the file.
        place: What comes before these names in the file, such as "params_ema.module."; empty if nothing does.
        unused: Names of what lies beside them.
    """

    tensors: dict[str, np.ndarray]
    place: str
    unused: list[str]

    def __str__(self) -> str:
        """What was unwrapped, in a few words; empty if there is nothing else in the file."""
        more = len(self.unused) - LISTED
        unused = [*self.unused[:LISTED], *([f"{more} more"] if more > 0 else [])]
        return "; ".join([f"{self.place}*"] * bool(self.place) + [f"not used: {', '.join(unused)}"] * bool(unused))


def read_file(file: str | Path) -> Any:
    """Reads what `torch.save` wrote, of any age, and runs no code that it may hold.

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


def find_state_dict(stored: Any, known: str) -> StateDict:
    """Finds a network's state dict in what training frameworks wrap it in.

    They keep it in dictionaries, beside a step and the optimizer's state (`params_ema`, `state_dict`), and in prefixes
    of the names (`module.`, `model.`). Whatever these are called, the network is where one tensor of it is that is
    known. Of several networks, the one with averaged weights is taken, which has "ema" in its place.

    Raises:
        ValueError: If there is no such network, or more than one.
    """
    torch = import_extra("torch", "torch")
    places = {
        inside + name.removesuffix(known): (inside, entries)
        for inside, entries in dictionaries(stored)
        for name in entries
        if name == known or name.endswith(f".{known}")
    }
    averaged = [place for place in places if "ema" in place.lower()]
    found = averaged if len(averaged) == 1 else list(places)
    if len(found) != 1:
        raise ValueError(
            f"with more than one network: {', '.join(f'{place}*' for place in found)}"
            if found
            else f"without {known!r}"
        )
    (place,) = found
    inside, entries = places[place]
    named = {f"{inside}{name}": value for name, value in entries.items()}
    tensors = {
        name.removeprefix(place): value.detach().float().numpy()
        for name, value in named.items()
        # Counters are integers, or numbers alone.
        if name.startswith(place) and torch.is_tensor(value) and value.is_floating_point() and value.ndim
    }
    unused = [name for name in dict.fromkeys([*stored, *named]) if not place.startswith(f"{name}.")]
    return StateDict(tensors, place, [name for name in unused if name.removeprefix(place) not in tensors])


def dictionaries(stored: Any, inside: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The dictionaries in what was stored that have names as keys, each with the names that lead to it."""
    if isinstance(stored, Mapping) and all(isinstance(name, str) for name in stored):
        yield inside, stored
        for name, value in stored.items():
            yield from dictionaries(value, f"{inside}{name}.")
