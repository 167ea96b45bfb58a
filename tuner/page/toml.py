"""A study's document as a TOML file again, which a person can read and search once more."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tuner.toml import key as _key
from tuner.toml import text as _text


def written(document: Mapping[str, Any]) -> str:
    """Sections as tables, what is in them on a line each. What comes without a value is left out."""
    single = {key: value for key, value in document.items() if not isinstance(value, Mapping)}
    blocks = [_lines(single)] if single else []
    blocks += [f"[{_key(key)}]\n{_lines(each)}" for key, each in document.items() if isinstance(each, Mapping)]
    return "\n".join(blocks)


def _lines(table: Mapping[str, Any]) -> str:
    named = {_key(key): value for key, value in table.items() if value is not None}
    width = max(map(len, named), default=0)
    return "".join(f"{key.ljust(width)} = {_value(value)}\n" for key, value in named.items())


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(key)} = {_value(each)}" for key, each in value.items() if each is not None)
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list | tuple):
        inside = ", ".join(_value(each) for each in value)
        # Rules and the like are tables: each on a line of its own.
        if len(value) > 1 and all(isinstance(each, Mapping) for each in value):
            return "[\n" + "".join(f"    {_value(each)},\n" for each in value) + "]"
        return f"[{inside}]"
    return json.dumps(value)
