"""A model of the user's own: a Python file, and the name in it of what builds the model.

The file is code. It runs in the processes that train, and nowhere else; here it is only read.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuner.errors import StudyError

# What Keras calls the metrics of which less is better, and those of which more is, or how their names end.
_LESS = (
    "loss",
    "error",
    "crossentropy",
    "mse",
    "mae",
    "mape",
    "msle",
    "rmse",
    "divergence",
    "hinge",
    "poisson",
    "logcosh",
)
_MORE = (
    "accuracy", "acc", "auc", "precision", "recall", "f1_score", "fbeta_score", "r2_score", "iou", "similarity",
    "true_positives_rate", "coefficient",
)  # fmt: skip
_FORM = "FILE.py:NAME, as mymodel.py:build_model"
_KEYS = ("path", "name", "digest")


@dataclass(frozen=True, slots=True)
class ModelFile:
    """An absolute path, the name of a function `build(hp)` or of a `HyperModel` in it, and the sha256 of the file."""

    path: Path
    name: str
    digest: str

    @property
    def shown(self) -> str:
        """As a person would type it here."""
        here = Path.cwd()
        path = self.path.relative_to(here) if self.path.is_relative_to(here) else self.path
        return f"{path}:{self.name}"

    def to_json(self) -> dict[str, str]:
        """What `parse` reads again, as the ledger keeps it."""
        return {"path": str(self.path), "name": self.name, "digest": self.digest}

    def now(self) -> ModelFile:
        """As the file is by now. Raises StudyError where it is gone, or cannot be read."""
        return _of(self.path, self.name, self.shown)


def is_one(given: str) -> bool:
    """Whether a command's word names a model, and no study."""
    return given.rpartition(":")[0].lower().endswith(".py")


def read(given: str, folder: Path) -> ModelFile:
    """The model that a file in that folder means, or a command typed there. Raises StudyError."""
    path, _, name = given.rpartition(":")
    if not path.lower().endswith(".py") or not name.isidentifier():
        raise StudyError(f"model: expected {_FORM}, got '{given}'")
    return _of((folder / path).absolute(), name, path)


def study_name(file: ModelFile) -> str:
    """What the study of a model alone is called: as its file, without what no study's name has."""
    return re.sub(r"[^a-z0-9._-]|\.\.", "-", file.path.stem.lower())[:64]


def parse(given: object) -> ModelFile | None:
    """What `to_json` gave, without a look at the file. Raises ValueError."""
    if given is None or isinstance(given, ModelFile):
        return given
    if isinstance(given, dict) and given.keys() == set(_KEYS) and all(isinstance(v, str) for v in given.values()):
        return ModelFile(Path(given["path"]), given["name"], given["digest"])
    raise ValueError(f"expected {_FORM}")


def schema() -> dict[str, Any]:
    """The JSON schema of `model` in a study file."""
    return {"type": "string", "pattern": r"\.py:[A-Za-z_]\w*$"}


def goal(metric: str) -> str | None:
    """Which way a metric of Keras is better, by its name; None where that does not say."""
    name = metric.lower().rstrip("_0123456789")
    if name.endswith(_LESS):
        return "minimize"
    return "maximize" if name.endswith(_MORE) else None


def _of(path: Path, name: str, shown: str) -> ModelFile:
    try:
        return ModelFile(path, name, hashlib.sha256(path.read_bytes()).hexdigest())
    except FileNotFoundError:
        raise StudyError(f"model: {shown}: no such file, expected {_FORM}") from None
    except OSError as error:
        raise StudyError(f"model: {shown}: cannot be read ({error.strerror})") from None
