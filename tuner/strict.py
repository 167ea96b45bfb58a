"""Strict frozen models for what is read from a file, and the words for what is wrong in one.

Pydantic checks; the lines that a person reads are made here: `section.key: expected …, got …`, all of a file at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from tuner.errors import nearest
from tuner.parameters import said

# The members of a union tell apart what JSON does: true is not 1, and 1 is not 1.0.
Scalar = bool | int | float | str


class Section(BaseModel):
    """A table of a file: unknown keys, other types, NaN and infinity are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def refused(lines: list[str]) -> PydanticCustomError:
    """What a validator raises with lines of its own, each starting with the key below it that it is about."""
    return PydanticCustomError("lines", "{lines}", {"lines": lines})


def problems(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """The errors of a model as lines, one a problem: `key: expected …, got …`."""
    found: dict[str, list[str]] = {}  # a line, or the start and the end of one with the types expected between them
    for detail in error.errors(include_url=False):
        path, kind = _path(detail["loc"]), detail["type"]
        if kind == "lines":
            found |= {_below(path, line): [] for line in detail["ctx"]["lines"]}
        elif kind == "value_error":
            found[f"{path}: {detail['msg'].removeprefix('Value error, ')}"] = []
        elif kind in _TYPES:
            # Each member of a union has its say; together they are one problem.
            found.setdefault(f"{path}: expected \0, got {got(detail['input'])}", []).append(_TYPES[kind])
        else:
            found[f"{path}: {_wrong(detail, model)}"] = []
    return [line.replace("\0", _either(types), 1) if types else line for line, types in found.items()]


_TYPES = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "a text",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}
_BOUNDS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}


def _wrong(detail: ErrorDetails, model: type[BaseModel]) -> str:
    kind, context, given = detail["type"], detail.get("ctx", {}), detail["input"]
    *above, key = detail["loc"]
    if kind == "extra_forbidden":
        known = [field.alias or name for name, field in _fields(model, above)]
        return f"unknown key.{nearest(str(key), known)} Known: {', '.join(known)}"
    if kind == "missing":
        about = next((field.description for name, field in _fields(model, above) if name == key), None)
        return f"is missing. Expected {about}" if about else "is missing"
    if kind in ("literal_error", "enum"):
        words = re.findall(r"'([^']*)'", str(context["expected"]))
        hint = nearest(given, words) if isinstance(given, str) else ""
        return f"expected one of {', '.join(words)}, got {got(given)}{hint and f'.{hint}'}"
    if kind in _BOUNDS:
        bound, words_before = _BOUNDS[kind]
        return f"expected a value {words_before} {context[bound]}, got {got(given)}"
    return f"{detail['msg'][0].lower()}{detail['msg'][1:]}, got {got(given)}"


def _either(types: list[str]) -> str:
    if "a finite number" in types:
        return "a finite number"
    kinds = [kind for kind in dict.fromkeys(types) if kind != "a whole number" or "a number" not in types]
    return " or ".join([", ".join(kinds[:-1]), kinds[-1]]) if len(kinds) > 1 else kinds[0]


def got(value: object) -> str:
    """What came, for the end of a line."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        text = json.dumps(value, ensure_ascii=False, default=str)
        return text if len(text) <= 80 else f"{text[:79]}…"
    return said(value)


def _path(loc: tuple[int | str, ...]) -> str:
    """The keys of an error's place, without the members of unions that pydantic adds to it; lists count from 1."""
    *above, last = loc or ("",)
    keys = [*above, *([] if above and last in ("bool", "int", "float", "str") else [last])]
    named = [key for key in keys if not str(key).startswith(("tuple[", "dict["))]
    return "".join(f"[{key + 1}]" if isinstance(key, int) else f".{key}" for key in named).removeprefix(".")


def _below(path: str, line: str) -> str:
    """A line about a key, or about an item of a list, below a place."""
    return f"{path}.{line}" if path and not line.startswith("[") else f"{path}{line}"


def _fields(model: type[BaseModel], path: Sequence[int | str]) -> Iterator[tuple[str, FieldInfo]]:
    """The keys that a file may have at a path of a model."""
    for step in path:
        annotation = model.model_fields[str(step)].annotation
        members = (annotation, *get_args(annotation))
        model = next(member for member in members if isinstance(member, type) and issubclass(member, BaseModel))
    return ((name, field) for name, field in model.model_fields.items() if not field.exclude)
