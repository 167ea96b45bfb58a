"""Pieces of study files, for tests that write some."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

DATA = '[data]\nsource = "sklearn:wine"\n'
SPACE = "[space]\nlayers = { int = [1, 3] }\n"

Write = Callable[..., Path]


def space(entries: str) -> str:
    return f"{DATA}[space]\n{entries}\n"


def with_(section: str, keys: str) -> str:
    return f"{DATA}{SPACE}[{section}]\n{keys}\n"


def data(keys: str) -> str:
    return f"{DATA}{keys}\n{SPACE}"
