"""Amounts of memory as people write them."""

import argparse
import re

UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4} | {
    "ki": 1024, "mi": 1024**2, "gi": 1024**3, "ti": 1024**4,
}  # fmt: skip


def parse_memory(text: str) -> int:
    """Reads an amount of memory, for argparse.

    Args:
        text: A number with a unit: 2GiB, 1.5G, 800 MB. Without one, bytes.

    Raises:
        argparse.ArgumentTypeError: If it is none.

    Example:

    >>> parse_memory("1.5 KiB"), parse_memory("2GB")
    (1536, 2000000000)
    """
    found = re.fullmatch(r"(\d{1,15}(?:\.\d+)?)\s*([kmgt]?i?)b?", text.strip().lower())
    if not found or found[2] not in UNITS:
        raise argparse.ArgumentTypeError(f"must be a size such as 2GiB or 800MB. Received: {text!r}")
    return int(float(found[1]) * UNITS[found[2]])
