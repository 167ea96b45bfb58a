"""What is known of an .npz without NumPy, which every command would wait for: what a damaged one raises, and shapes."""

from __future__ import annotations

import ast
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path

# Of the archive and of what is packed in it. A method that is not known is a NotImplementedError, and one that wants a
# password another RuntimeError.
DAMAGED: tuple[type[Exception], ...] = (
    zipfile.BadZipFile, zlib.error, struct.error, ValueError, EOFError, OSError, RuntimeError,
)  # fmt: skip
try:
    from lzma import LZMAError
except ImportError:  # a Python that was built without it opens no such archive
    pass
else:
    DAMAGED = (*DAMAGED, LZMAError)
# Of the literal at the head of an array: brackets without end, signs by the thousand, keys that cannot be any.
MISWRITTEN: tuple[type[Exception], ...] = (SyntaxError, tokenize.TokenError, TypeError, LookupError, MemoryError)


def shape(path: Path) -> tuple[int, ...]:
    """The shape of the array `x`, or `x_train`; none where the file is not what it should be, which its reader says."""
    try:
        with zipfile.ZipFile(path) as archive:
            name = next((each for each in ("x.npy", "x_train.npy") if each in archive.namelist()), None)
            head = {} if name is None else ast.literal_eval(_head(archive, name))
    except (*DAMAGED, *MISWRITTEN):
        return ()
    found = head.get("shape") if isinstance(head, dict) else None
    return found if isinstance(found, tuple) else ()


def _head(archive: zipfile.ZipFile, name: str) -> str:
    """What NumPy writes before the cells of an array, as text."""
    with archive.open(name) as stream:
        magic = stream.read(8)  # the last two of which are the version
        length = int.from_bytes(stream.read(2 if magic[6] == 1 else 4), "little")
        return stream.read(min(length, 10_000)).decode("latin-1")
