"""A user's own model as files: of stock layers one that loads anywhere, else with the code that builds it."""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np

from tuner.model_file import ModelFile
from tuner.models.champion import CORE, MODEL, OUTPUTS, check_archive
from tuner.models.own_network import Wrapped
from tuner.models.raw import Arithmetic, raw_model, transformed


def save(made: Wrapped, preprocessing: Arithmetic, file: ModelFile, folder: Path) -> dict[str, Any] | None:
    """Writes the model of raw columns into the folder, and says what of the user's code it needs there; None where it
    is of stock layers only, and one file that loads wherever Keras is.

    Else it is in parts, see `tuner.models.champion`: what the user's code builds is built by it again, so that nothing
    of it need have a configuration of its own.
    """
    keras.config.set_dtype_policy("float32")  # the user's code may have set another, which is not for our layers
    if _saved_whole(made, preprocessing, folder / MODEL):
        return None
    tensors, matrix = transformed(preprocessing)
    keras.Model(tensors, made.inputs.tensors(matrix), name="before").save(folder / MODEL)
    given = keras.Input(made.output.shape[1:], dtype=made.output.dtype)
    found = keras.layers.Identity()(preprocessing.restored(made.meaning.predictions(given)))
    keras.Model(given, found, name="after").save(folder / OUTPUTS)
    weights = {f"arr_{i:05d}": each for i, each in enumerate(made.model.get_weights())}
    np.savez(folder / CORE, allow_pickle=False, **weights)
    return {"name": file.name, "modules": [_copied(name, module, folder) for name, module in _modules(file)]}


def _saved_whole(made: Wrapped, preprocessing: Arithmetic, path: Path) -> bool:
    """Writes it as one file, if Keras can load that without any code of the user's."""
    # Else its optimizer, its losses and its metrics would be written with it.
    made.model.compiled, made.model.optimizer = False, None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a Lambda layer, which is not written in the end
        try:
            raw_model(preprocessing, made.network).save(path)
            check_archive(path)
        except Exception:  # noqa: BLE001 - whatever a layer without a configuration raises
            path.unlink(missing_ok=True)
            return False
    return True


def _copied(name: str, module: ModuleType, folder: Path) -> dict[str, Any]:
    (folder / f"{name}.py").write_bytes(Path(module.__file__).read_bytes() if module.__file__ else b"")
    return {"module": name, "package": hasattr(module, "__path__")}


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
    # The folder itself may lie in Python's, as /usr/src/app does in /usr.
    roots = [root for root in (sys.prefix, str(_OURS)) if not folder.is_relative_to(root)]
    apart = any(source.is_relative_to(root) for root in roots)
    return inside and not apart and "site-packages" not in source.parts and module.__name__ != "__main__"


_OURS = Path(__file__).parent.parent
