"""Names and texts as TOML has them, whatever is in them."""

from __future__ import annotations

import json
import re

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def text(given: str) -> str:
    """In quotes. What cannot be seen is escaped, as a terminal may take it for a command, and a reader for nothing."""
    # JSON's own escapes are TOML's too, and it has none for DEL and what is beyond ASCII.
    return "".join(c if c.isprintable() else _escaped(ord(c)) for c in json.dumps(given, ensure_ascii=False))


def key(name: str) -> str:
    """As the name of a value: in quotes only where it must be."""
    return name if _BARE.fullmatch(name) else text(name)


def _escaped(code: int) -> str:
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
