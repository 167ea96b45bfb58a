"""The user's files that a model needs where it is loaded again, and whether it can be."""

from __future__ import annotations

import ast
import json
import sys
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import keras

from tuner.errors import TrialFailed
from tuner.model_file import ModelFile
from tuner.models.champion import parts, strange


def check(model: keras.Model, file: ModelFile) -> None:
    """Raises TrialFailed where the model cannot be written into a file, or not be loaded from it again.

    Better before it is trained than after all its search.
    """
    modules = dict(_modules(file))
    with bare(model):
        for part in parts(_described(model)):
            _check_part(part, modules, file)


def travelling(archive: Path, file: ModelFile, folder: Path) -> list[dict[str, Any]]:
    """Copies into the folder what the model in `archive` needs of the user's files, and says which modules they are;
    nothing where it is of stock layers only.
    """
    with zipfile.ZipFile(archive) as members:
        config = json.loads(members.read("config.json"))
    if not any(strange(part) for part in parts(config)):
        return []
    return [_copied(name, module, folder) for name, module in _modules(file)]


def _copied(name: str, module: ModuleType, folder: Path) -> dict[str, Any]:
    to = folder / f"{name}.py"
    to.write_bytes(Path(module.__file__).read_bytes() if module.__file__ else b"")
    return {"module": name, "file": to.name, "package": hasattr(module, "__path__")}


class bare:  # noqa: N801 - reads as what it does
    """Without what the model was compiled with, for a while: its losses and metrics are no part of what predicts."""

    def __init__(self, model: keras.Model) -> None:
        self._model, self._compiled = model, bool(model.compiled)

    def __enter__(self) -> None:
        self._model.compiled = False

    def __exit__(self, *_: object) -> None:
        self._model.compiled = self._compiled


def _described(model: keras.Model) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is compiled code, we say more than Keras
        try:
            return keras.saving.serialize_keras_object(model)
        except Exception as error:
            raise TrialFailed(
                f"the model could not be exported: {_line(error)}. A layer of your own needs a get_config that gives "
                "the arguments of its __init__"
            ) from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300].rstrip(".") or type(error).__name__


def _check_part(part: Mapping[str, Any], modules: Mapping[str, ModuleType], file: ModelFile) -> None:
    if problem := strange(part, modules.keys(), compiled=True):
        raise TrialFailed(f"the model could not be exported: {problem}, nor defined in {file.path.name} or beside it")
    module = modules.get(str(part.get("module")))
    name = part["config"] if part["class_name"] == "function" else part["class_name"]
    if module is not None and not hasattr(module, str(name)):
        raise TrialFailed(
            f"the model could not be exported: '{name}' is made inside a function of {module.__name__}; at the top of "
            "its file it can be found again"
        )


def _modules(file: ModelFile) -> Iterator[tuple[str, ModuleType]]:
    """The file as a module, and those beside it that it needs, parents of packages included."""
    beside = {name: module for name, module in list(sys.modules.items()) if _beside(module, file.path.parent)}
    main = next(name for name, module in beside.items() if module.__file__ == str(file.path))
    found, ahead = dict[str, ModuleType](), [main]
    while ahead:
        name = ahead.pop(0)
        if name not in found and (name in beside or (found and name in sys.modules and _is_bare(sys.modules[name]))):
            found[name] = sys.modules[name]
            ahead += [each for each in _imported(found[name]) if each in beside]
            ahead += [name.rpartition(".")[0]]
    yield from found.items()


def _imported(module: ModuleType) -> Iterator[str]:
    """The names of all modules that its source may import."""
    if not module.__file__:
        return
    package = module.__name__ if hasattr(module, "__path__") else module.__name__.rpartition(".")[0]
    for node in ast.walk(ast.parse(Path(module.__file__).read_bytes())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level > 1 else package
            stem = ".".join(filter(None, (above if node.level else "", node.module or "")))
            yield stem
            yield from (f"{stem}.{each.name}" for each in node.names)


def _is_bare(module: ModuleType) -> bool:
    """Whether it is a folder of modules without an `__init__.py`."""
    return hasattr(module, "__path__") and getattr(module, "__file__", None) is None


def _beside(module: ModuleType, folder: Path) -> bool:
    """Whether it is the user's own: under the folder, and of no library or environment that lies there too."""
    source = Path(getattr(module, "__file__", None) or "/")
    inside = source.suffix == ".py" and source.is_relative_to(folder)
    apart = any(source.is_relative_to(root) for root in (sys.prefix, str(_OURS)))
    return inside and not apart and "site-packages" not in source.parts and module.__name__ != "__main__"


_OURS = Path(__file__).parent.parent
