"""What stands in a study file, as plain tables: read, with the options of a command, and with its paths resolved.

What the tables mean, and what is wrong in them, `tuner.study` says.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tuner import defaults, model_file
from tuner.errors import StudyError
from tuner.sections import DRIVERS, FORMATS, PRUNERS_OF, SAMPLERS_OF, function_of


def shown(path: Path) -> str:
    """A path as a person would type it here."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def written(path: Path, where: str) -> str:
    """The text of a study file. Raises StudyError where it cannot be read."""
    try:
        return path.read_bytes().decode("utf-8-sig")  # some editors put a mark before UTF-8
    except FileNotFoundError:
        raise StudyError(f"{where}: no such study file. `tuner studies` lists those there are") from None
    except IsADirectoryError:
        raise StudyError(f"{where}: is a folder, expected a study file") from None
    except UnicodeDecodeError as error:
        raise StudyError(f"{where}: not UTF-8 text (byte {error.start}). Save it as UTF-8") from None
    except OSError as error:
        raise StudyError(f"{where}: cannot be read ({error.strerror})") from None


def parsed(text: str, where: str) -> dict[str, Any]:
    """The tables of a study file. Raises StudyError where it is no TOML."""
    if not text.strip():
        raise StudyError(f"{where}: is empty. A study needs at least [data] with a source")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        told = str(error).replace("Cannot overwrite a value", "a key is given twice")
        raise StudyError(f"{where}: not valid TOML: {told}") from None
    except (RecursionError, ValueError):  # brackets without end, or a number of thousands of digits
        raise StudyError(f"{where}: not valid TOML: nested too deeply, or a number too long") from None


def sectioned(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with a section in place of the short form, data = SOURCE."""
    data = document.get("data")
    return {**document, "data": {"source": data}} if isinstance(data, str) else dict(document)


def placed_beside(document: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The document with the paths of its files made absolute. Raises StudyError where its model is not there."""
    if isinstance(given := document.get("model"), str):
        document = {**document, "model": model_file.read(given, folder).to_json()}
    data = document.get("data")
    if not isinstance(data, Mapping):
        return dict(document)
    placed = dict(data)
    for key in ("source", "test"):
        given = data.get(key)
        if not isinstance(given, str):
            continue
        file, name = function_of(given) or (given, "")
        if name or (given.lower().endswith(FORMATS) and ":" not in given[2:]):
            beside = folder / file
            place = str((beside if beside.exists() else Path(file)).absolute())
            placed[key] = f"{place}:{name}" if name else place
    return {**document, "data": placed}


def with_options(document: Mapping[str, Any], options: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The document with the options of a command in place of its own values."""
    made = dict(document)
    for section, chosen in placed_beside(options, Path()).items():
        own = made.get(section, {})
        # A section that is no table keeps its place, so that it is reported.
        made[section] = {**own, **chosen} if isinstance(own, dict) else own
    if (driver := options.get("search", {}).get("driver")) in DRIVERS and isinstance(made["search"], dict):
        made["search"] = _of_driver(driver, made["search"], options["search"])
    return made


def _of_driver(driver: str, search: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """A search whose driver was chosen, without what the file says of another one."""
    own = {"sampler": SAMPLERS_OF[driver], "pruner": PRUNERS_OF[driver]}
    return {key: value for key, value in search.items() if key in chosen or value in own.get(key, (value,))}


def with_space(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document, with a space where it has none: a ledger must know of it, as the next version's may be another."""
    data = document.get("data")
    source = data.get("source") if isinstance(data, Mapping) else None
    if "space" in document:
        return dict(document)
    return {**document, "space": [] if "model" in document else defaults.space(source)}


def unpruned(document: Mapping[str, Any]) -> dict[str, Any]:
    """The search of a document of several objectives, without the pruner that it would have by default."""
    objective, search = document.get("objective"), document.get("search", {})
    several = isinstance(objective, Mapping) and isinstance(objective.get("metric"), list | tuple)
    return {"search": {"pruner": "none", **search}} if several and isinstance(search, Mapping) else {}


def flatten(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value with the dotted path to it: `search.seed` → 0."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value
