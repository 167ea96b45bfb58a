"""Arrays as PNG pictures inside the page."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterator

from tuner.metrics import Array


def addresses(images: Array) -> Iterator[str]:
    """A `data:` address for each of (rows, height, width, channels), on one scale from the least to the greatest.

    Three channels are colours; of any other number the mean is drawn in grey.
    """
    import numpy as np

    if not len(images):
        return
    low, span = float(images.min()), max(float(np.ptp(images)), 1e-9)
    for image in images:
        light = (np.asarray(image, np.float64) - low) / span
        cells = np.rint(255 * (light if light.shape[-1] == 3 else light.mean(axis=-1))).astype(np.uint8)
        yield f"data:image/png;base64,{base64.b64encode(png(cells)).decode()}"


def png(cells: Array) -> bytes:
    """uint8 (height, width) in grey or (height, width, 3) in colour, as the PNG specification (W3C, 2003) has it."""
    height, width = cells.shape[:2]
    kind = 2 if cells.ndim == 3 else 0
    rows = b"".join(b"\0" + cells[row].tobytes() for row in range(height))  # 0: no filter
    head = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, body) for name, body in chunks)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
