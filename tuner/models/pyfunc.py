"""A champion's folder as an MLflow model, for `mlflow.pyfunc.load_model("models:/<study>@champion")`.

Runs in a worker, beside Keras. What the model needs to predict travels in it, tuner itself is not needed.
"""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

CODE = Path(__file__).with_name("champion.py")
_LOADER = Path(__file__).with_name("mlflow_model.py")
_FILES = ("model.keras", "manifest.json")
# The same library under its several names.
_TENSORFLOWS = ("tensorflow", "tensorflow-cpu", "tensorflow-macos", "tf-nightly")


def save(folder: Path, champion: Path, example: Sequence[Mapping[str, Any]], code: Path = CODE) -> None:
    """Makes `folder` an MLflow model of the champion, all at once, in place of what was there.

    `champion` holds `model.keras` and `manifest.json` (task, classes, columns, rename). `example` is some raw rows,
    with None for a missing cell. `code` defines `recorded(folder)`, whose answer has `predict(frame)`, and imports
    nothing of ours.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    # Else it takes the dependencies of whatever project the command was typed in.
    os.environ.setdefault("MLFLOW_UV_AUTO_DETECT", "false")
    import mlflow.pyfunc
    import pandas as pd

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    manifest = json.loads((champion / "manifest.json").read_text(encoding="utf-8"))
    names = [column["name"] for column in manifest["columns"]]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as place:
        files = Path(place) / "champion"
        files.mkdir()
        for name in (*_FILES, *(manifest["checksum"] if manifest.get("code") else ())):
            shutil.copy2(champion / name, files)
        shutil.copy2(code, files / "champion.py")
        made = Path(place) / "model"
        mlflow.pyfunc.save_model(
            path=made,
            python_model=_LOADER,
            artifacts={"champion": str(files)},
            signature=_signature(manifest),
            # As objects, so that whole numbers stay whole and a missing cell is null in its JSON.
            input_example=pd.DataFrame(
                [[_cell(row[name]) for name in names] for row in example], columns=names, dtype=object
            ),
            # Given, so that it does not load the model in another process to find out: 13 s.
            pip_requirements=_requirements(manifest),
            metadata={"task": manifest["task"], "columns": manifest["columns"]},
        )
        shutil.rmtree(folder, ignore_errors=True)
        made.replace(folder)


def _signature(manifest: Mapping[str, Any]) -> ModelSignature:
    """The columns by name, each of any type; the champion checks what is in them.

    MLflow takes no whole numbers for `double` (pandas reads a column of them as int64) and no missing cell for `long`,
    so a typed signature would refuse the very rows that the champion was trained on. The kinds are in the metadata.
    It also drops what it does not name: a column that goes by another name at its source is there under both.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import AnyType

    names = [column["name"] for column in manifest["columns"]]
    other = {old: new for old, new in (manifest.get("rename") or {}).items() if new in names and old not in names}
    inputs = [ColSpec(AnyType(), name, required=name not in other.values()) for name in names]
    inputs += [ColSpec(AnyType(), name, required=False) for name in other]
    double = DataType.double
    if not manifest["classes"]:
        outputs = [ColSpec(double, "value")]
    else:
        of_class = [ColSpec(double, f"p({name})") for name in manifest["classes"]]
        outputs = [ColSpec(AnyType(), "label"), ColSpec(double, "probability"), *of_class]
    return ModelSignature(Schema(inputs), Schema(outputs))


def _cell(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _requirements(manifest: Mapping[str, Any]) -> list[str]:
    """What predicts, at the versions that the champion was scored with. A user's own code may import KerasTuner."""
    backend = next((name for name in _TENSORFLOWS if _installed(name)), "tensorflow")
    own = ("keras-tuner",) if manifest.get("code") else ()
    found = {name: _installed(name) for name in ("mlflow", "keras", backend, "numpy", "pandas", *own)}
    return [f"{name}=={at}" if at else name for name, at in found.items()]


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
