"""Archives of arrays that no reader can take, as bytes by what is wrong with each."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping


def _archive(head: str = "", method: int = zipfile.ZIP_STORED) -> bytes:
    """An .npz whose arrays x and y begin with that literal, which NumPy writes before the cells."""
    literal = (head or "{'descr': '<f8', 'fortran_order': False, 'shape': (6, 8, 8)}").encode("latin-1")
    array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(literal)) + literal + bytes(6 * 8 * 8 * 8)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as archive:
        for name in ("x.npy", "y.npy"):
            archive.writestr(name, array)
    return written.getvalue()


def _marked(local: int, value: int) -> bytes:
    """An archive with a byte changed in what stands before each array, and in the list of them, two further on."""
    made = bytearray(_archive())
    for start, place in ((b"PK\x03\x04", local), (b"PK\x01\x02", local + 2)):
        at = made.find(start)
        while at >= 0:
            made[at + place] = value
            at = made.find(start, at + 1)
    return bytes(made)


def _torn() -> bytes:
    made = bytearray(_archive(method=zipfile.ZIP_LZMA))
    made[48:56] = b"\xff" * 8
    return bytes(made)


DAMAGED: Mapping[str, bytes] = {
    "a head that is a list": _archive("[1]"),
    "a head without a shape": _archive("{'descr': '<f8'}"),
    "brackets without end": _archive("(" * 300),
    "signs by the thousand": _archive("-" * 8000 + "1"),
    "a key that cannot be one": _archive("{[]: 1}"),
    "keys of two kinds": _archive("{1: 2, 'a': 3}"),
    "a password": _marked(6, 1),
    "an unknown method": _marked(8, 99),
    "lzma with a hole": _torn(),
}
