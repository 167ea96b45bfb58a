"""Where things are kept, and where they are looked for.

Everything that a search leaves lies in the folder in which the command is typed: `.tuner/` (the ledger and model
files) and `mlflow/` (the record that people browse). Studies are read from `studies/` there, then from those shipped.
"""

from __future__ import annotations

import os
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuner.errors import StudyError, listing, nearest


def user_cache() -> Path:
    """The folder of the user in which fetched data and compiled programs are kept: `TUNER_CACHE`, or the usual one."""
    if own := os.environ.get("TUNER_CACHE"):
        return Path(own)
    if sys.platform == "win32":
        parent = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        parent = Path.home() / "Library" / "Caches"
    else:
        parent = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return parent / "tuner"


@dataclass(frozen=True, slots=True)
class Home:
    """The folder that a command works in."""

    root: Path

    @classmethod
    def here(cls) -> Home:
        return cls(Path.cwd())

    @property
    def ledger(self) -> Path:
        return self.root / ".tuner" / "ledger.db"

    def search(self, label: str) -> Path:
        """The folder with the files of one search, named as `diabetes@1`."""
        return self.root / ".tuner" / "searches" / label

    @property
    def store_file(self) -> Path:
        """MLflow's store where no other is named."""
        return self.root / "mlflow" / "mlflow.db"

    @property
    def own_store(self) -> str:
        """The address of that store."""
        return f"sqlite:///{self.store_file}"

    @property
    def tracking_uri(self) -> str:
        """`MLFLOW_TRACKING_URI`, or our own store."""
        return os.environ.get("MLFLOW_TRACKING_URI") or self.own_store

    @property
    def artifacts(self) -> Path:
        """Where MLflow keeps artifacts when the tracking address is our own."""
        return self.root / "mlflow" / "artifacts"

    @property
    def data(self) -> Path | None:
        """The folder that is looked in before the network: `TUNER_DATA`, or `data` under `[tool.tuner]`.

        The setting is read from the nearest `pyproject.toml` upward, and is relative to that file. None where
        neither names a folder that exists.
        """
        if named := os.environ.get("TUNER_DATA"):
            return Path(named) if Path(named).is_dir() else None
        for folder in (self.root, *self.root.parents):
            file = folder / "pyproject.toml"
            if file.is_file():
                named = _data_setting(file)
                return folder / named if named and (folder / named).is_dir() else None
        return None

    @property
    def studies(self) -> tuple[Path, ...]:
        """The folders with study files, nearest first."""
        return (self.root / "studies", shipped())


def shipped() -> Path:
    """The studies that come with the package: beside it in a checkout, inside it once installed."""
    package = Path(__file__).parent
    inside = package / "studies"
    return inside if inside.is_dir() else package.parent / "studies"


def _data_setting(file: Path) -> str | None:
    try:
        settings: Any = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StudyError(f"{file}: cannot be read as TOML ({error}). Mend it, or set TUNER_DATA") from None
    for key in ("tool", "tuner", "data"):
        settings = settings.get(key) if isinstance(settings, dict) else None
    if settings is not None and not isinstance(settings, str):
        raise StudyError(f"{file}: tool.tuner.data: expected the name of a folder, got {settings}")
    return settings


def find(name: str, home: Home) -> Path:
    """The file of a study given by name (`diabetes`) or by path (`my/diabetes.toml`).

    Raises StudyError where there is none, with the nearest name.
    """
    known = names(home)
    if name.lower().endswith(".py"):
        raise StudyError(f"{name}: which model of it? Expected FILE.py:NAME, as {name}:build_model")
    if name.endswith(".toml") or "/" in name or "\\" in name:
        path = home.root / name
        if path.is_dir():
            raise StudyError(f"{name}: is a folder, expected a study file")
        if not path.exists():
            hint = nearest(path.stem, known) or " `tuner studies` lists those there are"
            raise StudyError(f"{name}: no such study file.{hint}")
        return path
    if name not in known:
        raise StudyError(f"no study '{name}'.{nearest(name, known)} Studies: {listing(sorted(known)) or 'none'}")
    return known[name]


def names(home: Home) -> dict[str, Path]:
    """Every study by name; one in the user's own folder hides a shipped one of its name."""
    found: dict[str, Path] = {}
    for folder in home.studies:
        for path in sorted(folder.glob("*.toml")):
            if path.is_file():
                found.setdefault(path.stem, path)
    return found
