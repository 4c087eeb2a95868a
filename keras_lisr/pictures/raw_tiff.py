"""The plainest TIFF: rows without compression, for a temporary file that libvips reads strip by strip.

Rows without any header would do, too, but libvips maps a file of those into memory as a whole.
"""

import struct
from typing import IO, Any

import numpy as np

HEADER = 16  # Bytes before the rows.
ROWS_PER_STRIP = 16
SHORT, LONG, LONG8 = (3, "<u2"), (4, "<u4"), (16, "<u8")


def finish(file: IO[bytes], height: int, width: int, channels: int, dtype: np.dtype) -> None:
    """Makes a BigTIFF of a file that has rows after `HEADER` bytes, and nothing else.

    Args:
        file: Open for writing, at its end.
        height: Of the picture, in pixels.
        width: Likewise.
        channels: 1 for grey, 3 for RGB, and 1 more with alpha.
        dtype: uint8 or uint16, little-endian.
    """
    row = width * channels * dtype.itemsize
    tops = np.arange(0, height, ROWS_PER_STRIP)
    tags: list[tuple[int, tuple[int, str], Any]] = [
        (256, LONG, [width]),
        (257, LONG, [height]),
        (258, SHORT, [8 * dtype.itemsize] * channels),
        (259, SHORT, [1]),  # No compression.
        (262, SHORT, [1 if channels <= 2 else 2]),  # Grey or RGB.
        (273, LONG8, HEADER + tops * row),
        (277, SHORT, [channels]),
        (278, LONG, [ROWS_PER_STRIP]),
        (279, LONG8, np.minimum(ROWS_PER_STRIP, height - tops) * row),
        (338, SHORT, [2] if channels in (2, 4) else []),  # Alpha that colours are not multiplied by.
    ]
    position = file.tell()
    entries, values_at = b"", position
    for tag, (kind, format), values in tags:
        content = np.asarray(values, format).tobytes()
        if len(content) > 8:
            file.write(content)
            content, values_at = struct.pack("<Q", values_at), values_at + len(content)
        if len(values):
            entries += struct.pack("<HHQ", tag, kind, len(values)) + content.ljust(8, b"\0")
    file.write(struct.pack("<Q", len(entries) // 20) + entries + struct.pack("<Q", 0))
    file.seek(0)
    file.write(struct.pack("<2sHHHQ", b"II", 43, 8, 0, values_at))
    file.flush()
